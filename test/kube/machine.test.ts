import t from 'tap';
import { line, listed, start, streamQuery, watchQuery } from './machine-run.ts';
import { linesOf, recorded } from './recorded.ts';

t.test('a streaming list goes on as a watch', async (t) => {
  const run = start(t);
  const request = await run.request();
  t.equal(request.path, '/api/v1/services');
  t.strictSame(request.query, streamQuery);
  t.strictSame(request.headers, { accept: 'application/json' });
  request.play(recorded('streaming list'));
  t.strictSame(await run.seen(), [
    'listing (start)',
    'put demo/db@1231',
    'put demo/ext@1234',
    'put demo/web@1300',
    'listed',
    'alive',
  ]);
  request.lines([line('MODIFIED', 'web', '1500'), line('DELETED', 'ext', '1501'), line('ADDED', 'new', '1502')]);
  t.strictSame(await run.seen(), ['put demo/web@1500', 'gone demo/ext', 'put demo/new@1502', 'alive']);
  await run.clock.advance(5_000);
  request.end();
  t.strictSame(
    (await run.request()).query,
    watchQuery('1502'),
    'its end is no fault: the next watch takes it up at once',
  );
  t.strictSame(await run.seen(), []);
});

t.test('the end mark alone is an empty list', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.play(recorded('streaming list of nothing'));
  t.strictSame(await run.seen(), ['listing (start)', 'listed', 'alive']);
  await run.clock.advance(2_000);
  request.end();
  t.strictSame((await run.request()).query, watchQuery('1419'));
});

t.test('a streaming list that ends before its end mark is void, and nothing of it is resumed from', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.play(recorded('streaming list without bookmarks'));
  await run.clock.advance(3_000);
  request.end();
  t.strictSame(await run.seen(), [
    'listing (start)',
    'put demo/db@1231',
    'put demo/ext@1234',
    'put demo/web@1300',
    'closed: Failed to watch: failed to list *v1.Service: the API server ended it after 3000 ms',
  ]);
  await run.clock.advance(200);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('a change between the initial events and their end mark counts, without being resumed from', async (t) => {
  const run = start(t);
  const request = await run.request();
  request.answer().lines([line('ADDED', 'a', '900'), line('ADDED', 'b', '100'), line('DELETED', 'a', '901')]);
  t.strictSame(await run.seen(), ['listing (start)', 'put demo/a@900', 'put demo/b@100', 'gone demo/a']);
  request.break('read ECONNRESET');
  t.match(await run.seen(), [/^closed: /]);
  await run.clock.advance(200);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('a server that knows no streaming list sends no end mark: pages, from then on', async (t) => {
  const run = start(t);
  const stream = await run.request();
  stream.play(recorded('streaming list without bookmarks'));
  await run.clock.advance(10_000);
  t.ok(stream.signal.aborted, 'the stream is given up');
  const page = await run.request();
  t.strictSame(page.query, { limit: '500' });
  page.play(recorded('empty list'));
  t.strictSame((await run.seen()).slice(-2), ['listing (unmarked)', 'listed']);
  (await run.request()).play(recorded('expired watch'));
  await run.clock.advance(200);
  t.strictSame((await run.request()).query, { limit: '500' }, 'it is not asked to stream again');
});

t.test('a server that refuses to stream a list is asked for pages at once, from then on', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  const page = await run.request();
  t.strictSame(page.query, { limit: '500' });
  t.strictSame(page.headers, { accept: 'application/json', 'accept-encoding': 'gzip' });
  page.play(recorded('empty list'));
  t.strictSame(await run.seen(), ['listing (start)', 'listed'], 'a refusal is no fault');
  (await run.request()).play(recorded('expired watch'));
  await run.clock.advance(200);
  t.strictSame((await run.request()).query, { limit: '500' });
});

t.test('a list in pages', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  (await run.request()).play(recorded('page 1'));
  const first = await run.seen();
  t.equal(first.length, 101);
  t.match(first.slice(0, 2), ['listing (start)', /^put bulk\/svc-000@/]);
  const second = await run.request();
  t.match(second.query, { limit: '500', continue: /^eyJ2Ijoi/ });
  second.play(recorded('page 2'));
  t.equal((await run.seen()).length, 100, 'no second beginning');
  (await run.request()).play(recorded('page 3'));
  const last = await run.seen();
  t.equal(last.length, 55);
  t.equal(last.at(-1), 'listed');
  t.strictSame((await run.request()).query, watchQuery('1407'), 'the watch begins where the list was made');
});

t.test('an expired continue token begins the list anew', async (t) => {
  const run = start(t);
  (await run.request()).play(recorded('streaming list without match'));
  (await run.request()).play(recorded('page 1'));
  (await run.request()).play(recorded('expired token'));
  await run.seen();
  await run.clock.advance(200);
  const again = await run.request();
  t.strictSame(again.query, { limit: '500' }, 'not with the token that would continue it inconsistently');
  again.play(recorded('page 1'));
  t.equal((await run.seen())[0], 'listing (expired)');
  (await run.request()).fail('gone');
  await run.seen();
  await run.clock.advance(1_600);
  t.match((await run.request()).query, { continue: /./ }, 'a page that was not answered is asked for again');
});

t.test('a too old resourceVersion leads to a list, without a fault', async (t) => {
  for (const name of ['expired watch', 'expired by restart']) {
    const run = await listed(t);
    await run.clock.advance(5_000);
    run.watch.end();
    (await run.request()).play(recorded(name)).end();
    t.strictSame(await run.seen(), [], name);
    await run.clock.advance(200);
    const list = await run.request();
    t.strictSame(list.query, streamQuery, name);
    list.play(recorded('streaming list of nothing'));
    t.strictSame(await run.seen(), ['listing (expired)', 'listed', 'alive'], name);
  }
  const run = await listed(t);
  await run.clock.advance(5_000);
  run.watch.end();
  (await run.request()).play(recorded('expired list'));
  await run.clock.advance(200);
  t.strictSame((await run.request()).query, streamQuery, 'as a status');
});

t.test('bookmarks of every kind confirm, move the resourceVersion and are never stored', async (t) => {
  const cases = [
    ['Service', 'quiet services', '1381'],
    ['Namespace', 'quiet namespaces', '1381'],
    ['EndpointSlice', 'quiet slices', '1383'],
    ['Pod', 'quiet pods', '1398'],
  ] as const;
  for (const [kind, name, resourceVersion] of cases) {
    const run = await listed(t, { kind });
    for (const bookmark of linesOf(name)) {
      await run.clock.advance(60_000);
      run.watch.lines([bookmark]);
      t.strictSame(await run.seen(), ['alive'], kind);
    }
    run.watch.end();
    t.equal((await run.request()).query['resourceVersion'], resourceVersion, kind);
  }
});

t.test('an object that leaves the selection is gone; a deletion has a resourceVersion of its own', async (t) => {
  const run = await listed(t);
  run.watch.lines(linesOf('selected watch'));
  t.strictSame(await run.seen(), ['gone demo/web', 'put demo/db@1502', 'put demo/web@1505', 'gone demo/db', 'alive']);
  await run.clock.advance(1_000);
  run.watch.end();
  t.equal((await run.request()).query['resourceVersion'], '1508');
});

t.test('selectors go with every request', async (t) => {
  const selection = {
    kind: 'Pod',
    labelSelector: 'tier in (a,b),x!=y',
    fieldSelector: 'status.phase!=Failed',
  } as const;
  const selectors = { labelSelector: 'tier in (a,b),x!=y', fieldSelector: 'status.phase!=Failed' };
  const run = start(t, selection);
  const stream = await run.request();
  t.match(stream.query, selectors);
  stream.play(recorded('streaming list without match'));
  const page = await run.request();
  t.match(page.query, selectors);
  page.play(recorded('empty list'));
  t.match((await run.request()).query, selectors);
});

t.test('a watch that is silent for longer than bookmarks are apart is dead', async (t) => {
  const run = await listed(t);
  await run.clock.advance(99_999);
  t.notOk(run.watch.signal.aborted);
  await run.clock.advance(1);
  t.ok(run.watch.signal.aborted);
  t.strictSame(await run.seen(), [
    'silent: Failed to watch: failed to watch *v1.Service: nothing came from the API server for 100 s',
  ]);
  const next = await run.request();
  t.strictSame(next.query, watchQuery('1416'), 'it is taken up where it was heard last');
  next.play(recorded('watch of the future'));
  await run.clock.advance(100_000);
  t.match(await run.seen(), [/^silent: /]);
  t.strictSame(
    (await run.request()).query,
    streamQuery,
    'one that never spoke may wait for a version that never comes',
  );
});

t.test('a request without a response is given up after 30 s', async (t) => {
  const run = start(t);
  const request = await run.request();
  await run.clock.advance(30_000);
  t.ok(request.signal.aborted);
  t.strictSame(await run.seen(), [
    'silent: Failed to watch: failed to list *v1.Service: nothing came from the API server for 30 s',
  ]);
  await run.clock.advance(200);
  t.strictSame((await run.request()).query, streamQuery);
});

t.test('a watch that ends at once, again and again, is opened each second', async (t) => {
  const run = await listed(t);
  await run.clock.advance(1_000);
  run.watch.end();
  for (const waitMs of [100, 200, 400, 800, 1_000, 1_000]) {
    (await run.request()).answer().end();
    t.strictSame(await run.seen(), [
      'closed: Failed to watch: failed to watch *v1.Service: the API server ended it after 0 ms',
    ]);
    await run.clock.advance(waitMs - 1);
    t.equal(run.transport.waiting, 0);
    await run.clock.advance(1);
  }
  const bringing = await run.request();
  t.strictSame(bringing.query, watchQuery('1416'));
  bringing
    .answer()
    .lines([line('MODIFIED', 'web', '1500')])
    .end();
  await run.seen();
  await run.clock.advance(100);
  t.strictSame((await run.request()).query, watchQuery('1500'), 'sooner, where it brought something');
});

t.test('a connection that breaks is taken up at once', async (t) => {
  const run = await listed(t);
  await run.clock.advance(1_000);
  run.watch.lines([line('MODIFIED', 'web', '1500')]).send('{"type":"MODIF');
  await run.seen();
  run.watch.break('read ECONNRESET');
  t.strictSame((await run.request()).query, watchQuery('1500'), 'half a line is nothing');
  t.strictSame(await run.seen(), []);
});

t.test('an API server that cannot be reached is tried each second', async (t) => {
  const run = start(t);
  for (const waitMs of [100, 200, 400, 800, 1_000, 1_000]) {
    (await run.request()).fail('connect: connection refused');
    t.strictSame(await run.seen(), [
      'unreachable: Failed to watch: failed to list *v1.Service: connect: connection refused',
    ]);
    await run.clock.advance(waitMs - 1);
    t.equal(run.transport.waiting, 0);
    await run.clock.advance(1);
  }
  const request = await run.request();
  request.play(recorded('streaming list'));
  await run.clock.advance(10_000);
  request.end();
  (await run.request()).fail('connect: connection refused');
  await run.clock.advance(100);
  t.strictSame(
    (await run.request()).query,
    watchQuery('1416'),
    'the API server restarts: its watches end, then it is away',
  );
});

t.test('one that refuses is backed off from, up to 30 s, however long it was away before', async (t) => {
  const run = start(t);
  for (let i = 0; i < 10; i++) {
    (await run.request()).fail('connect: connection refused');
    await run.seen();
    await run.clock.advance(1_000);
  }
  for (const waitMs of [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
    (await run.request()).answer(503).end();
    await run.seen();
    await run.clock.advance(waitMs - 1);
    t.equal(run.transport.waiting, 0);
    await run.clock.advance(1);
  }
  await run.request();
});

t.test('it stops in every state', async (t) => {
  const asking = start(t);
  const request = await asking.request();
  asking.abort.abort();
  t.ok(request.signal.aborted, 'while it waits for a response');
  t.strictSame(await asking.seen(), []);

  const following = await listed(t);
  following.abort.abort();
  t.ok(following.watch.signal.aborted, 'while it watches');
  t.strictSame(await following.seen(), []);

  const waiting = start(t);
  (await waiting.request()).fail('connect: connection refused');
  await waiting.seen();
  waiting.abort.abort();
  t.strictSame(await waiting.seen(), [], 'while it backs off');
});
