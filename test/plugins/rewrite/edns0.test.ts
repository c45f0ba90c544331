import t from 'tap';
import { emptyAnswer } from '../../../src/core/answer.ts';
import { type Handler, QueryError } from '../../../src/core/handler.ts';
import { optionsOf } from '../../../src/core/inner-query.ts';
import { type Metadata, metadata, metadataSources } from '../../../src/core/metadata.ts';
import type { Query } from '../../../src/core/query.ts';
import { FLAG, RCODE, TYPE } from '../../../src/dns/codes.ts';
import { type EdnsOption, readOptions } from '../../../src/dns/message.ts';
import { rewritePlugin } from '../../../src/plugins/rewrite/index.ts';
import { ask, type Asking, queryFor } from '../../support/ask.ts';
import { build, testHost } from '../../support/env.ts';
import { type Manner, Behind, SOA, rewriting, zone } from './rewriting.ts';

const sent: EdnsOption[] = [{ code: 0xffee, data: Buffer.from('sent') }];

t.test('EDNS options that the plugins behind see', async (t) => {
  const peer = {
    address: '2001:db8:ff::1',
    family: 6,
    port: 0x1234,
    localAddress: '2001:db8::5',
    localPort: 53,
  } as const;
  const cases: readonly (readonly [
    rule: string,
    options: readonly EdnsOption[] | undefined,
    seen: string,
    asking?: Asking,
  ])[] = [
    ['local set 0xffee new', undefined, '65518 new'],
    ['local set 0xffee new', sent, '65518 new'],
    ['local set 65518 0x6e6577', [], '65518 new'],
    ['local append 0xffee new', sent, '65518 sent'],
    ['local append 0xffee new', [], '65518 new'],
    ['local replace 0xffee new', sent, '65518 new'],
    ['local replace 0xffee new', undefined, 'no EDNS'],
    ['local unset 0xffee', [...sent, { code: 5, data: Buffer.from('x') }, ...sent], '5 x'],
    ['local unset 0xffee', undefined, 'no EDNS'],
    ['nsid set', undefined, '3 '],
    ['nsid replace', [{ code: 3, data: Buffer.from('old') }], '3 '],
    ['nsid append', [{ code: 3, data: Buffer.from('old') }], '3 old'],
    ['nsid unset', [{ code: 3, data: Buffer.from('old') }], ''],
    ['subnet set 20 56', undefined, '8 0x000114000a01f0', { peer: { address: '10.1.255.9' } }],
    [
      'subnet set 24 50',
      undefined,
      '8 0x0002320020010db800ffc0',
      { peer: { ...peer, address: '2001:db8:ff:ffff::1' } },
    ],
    ['subnet set 0 0', undefined, '8 0x00010000'],
    ['subnet unset', [{ code: 8, data: Buffer.of(0, 1, 0, 0) }], ''],
    ['local set 65001 {qname}', undefined, '65001 A.test.'],
    ['local set 65001 {qtype}', undefined, '65001 0x001c'],
    ['local set 65001 {protocol}', undefined, '65001 udp'],
    ['local set 65001 {client_ip}', undefined, '65001 0x7f000001'],
    ['local set 65001 {client_port}', undefined, '65001 0x1234', { peer }],
    ['local set 65001 {server_ip}', undefined, '65001 0x20010db8000000000000000000000005', { peer }],
    ['local set 65001 {server_port}', undefined, '65001 0x0035', { peer }],
    ['local set 65001 {server_ip}', undefined, 'no EDNS', { peer: { localAddress: '::' } }],
  ];
  for (const [rule, options, seen, asking] of cases) {
    const behind = new Behind({});
    const { handler } = rewriting(`rewrite edns0 ${rule}`, behind.handler);
    await handler(queryFor('A.test. AAAA', { ...asking, ...(options && { options }) }));
    t.equal(optionText(behind.queries[0]), seen, `${rule} of ${options?.length}`);
    t.same(behind.asked, ['A.test. AAAA'], 'the letters stay');
  }
});

/** `3 old`, in hex what is no text. */
function optionText(query: Query | undefined): string {
  return query?.hasEdns === true ? optionsText(optionsOf(query)) : 'no EDNS';
}

function optionsText(options: readonly EdnsOption[]): string {
  const dataText = (data: Uint8Array): string => {
    const text = Buffer.from(data).toString('latin1');
    return /^[!-~]*$/.test(text) ? text : `0x${Buffer.from(data).toString('hex')}`;
  };
  return options.map(({ code, data }) => `${code} ${dataText(data)}`).join(', ');
}

t.test('EDNS options that the client sees', async (t) => {
  const upstream: EdnsOption[] = [
    { code: 8, data: Buffer.from('net') },
    { code: 0xffee, data: Buffer.from('theirs') },
  ];
  const cases: readonly (readonly [rule: string, manner: Manner, asking: Asking, seen: string])[] = [
    ['local set 0xffee new', { live: true }, { options: sent }, '65518 new'],
    ['local set 0xffee new', { live: true }, { options: [...sent, { code: 10, data: Buffer.from('c') }] }, '65518 new'],
    ['local set 0xffee new revert', { live: true }, { options: sent }, '65518 sent'],
    ['local set 0xffee new revert', { live: true }, { options: [] }, ''],
    ['local set 0xffee new', { live: true }, {}, ''],
    ['nsid set', { live: true }, { options: [] }, ''],
    ['local set 0xffee new', {}, { options: sent }, ''],
    ['local set 0xffee new', { options: upstream }, { options: sent }, '8 net, 65518 theirs'],
    ['local set 0xffee new revert', { options: upstream }, { options: sent }, '8 net, 65518 sent'],
    ['subnet set 24 56 revert', { options: upstream }, { options: [] }, '65518 theirs'],
    ['subnet append 24 56', { options: upstream }, { options: [] }, '8 net, 65518 theirs'],
  ];
  for (const [rule, manner, asking, seen] of cases) {
    const { handler } = rewriting(`rewrite edns0 ${rule}`, new Behind(zone, manner).handler);
    const query = queryFor('real.test. A', asking);
    const answer = await handler(query);
    t.equal(optionsText(readOptions(answer.options)), seen, rule);
    t.equal(query.hasEdns, asking.options !== undefined, 'the query of the client is as it was');
  }
  const both = 'rewrite continue edns0 local set 0xffee one\nrewrite edns0 local replace 0xffee two revert';
  const { handler } = rewriting(both, new Behind(zone, { live: true }).handler);
  const answer = await handler(queryFor('real.test. A', { options: [] }));
  t.equal(optionsText(readOptions(answer.options)), '65518 one', 'one taken back, one not');
});

t.test('a packet is as it was, but for its question', async (t) => {
  const behind = new Behind({});
  const { handler } = rewriting('rewrite name a.test b.test', behind.handler);
  const peer = { transport: 'tcp' } as const;
  await handler(
    queryFor('a.test. A', {
      id: 7,
      flags: FLAG.RD | FLAG.CD | FLAG.AD,
      options: sent,
      edns: 999,
      dnssecOk: true,
      peer,
    }),
  );
  const [query] = behind.queries;
  t.match(query, { id: 7, flags: FLAG.RD | FLAG.CD | FLAG.AD, udpSize: 999, dnssecOk: true, hasEdns: true, hops: 0 });
  t.equal(query?.peer.transport, 'tcp');
  t.equal(optionText(query), '65518 sent');
});

t.test('what can not be read after the question', async (t) => {
  const { handler } = rewriting('rewrite name a.test b.test', new Behind({}).handler);
  const query = queryFor('a.test. A', { options: sent });
  query.wire[query.questionEnd] = 0x40;
  await t.rejects(async () => handler(query), { rcode: RCODE.FORMERR, message: /^the query can not be rewritten/ });
  const promising = queryFor('a.test. A', { options: sent });
  promising.wire.writeUInt16BE(2, 10);
  t.equal(await ask(handler, 'a.test. A'), `NXDOMAIN ra\nauthority ${SOA}`);
  t.match(await handler(promising), { rcode: RCODE.NXDOMAIN }, 'more may be promised than is there');
});

t.test('zone transfers pass', async (t) => {
  const behind = new Behind({});
  const { handler } = rewriting('rewrite name a.test b.test', behind.handler);
  for (const type of ['AXFR', 'IXFR']) await handler(queryFor(`a.test. ${type}`));
  t.same(behind.asked, ['a.test. AXFR', 'a.test. IXFR']);
});

t.test('labels of metadata', async (t) => {
  const known: Metadata = {
    value: (query, label) => (label === 'test/none' ? '' : `${label}-of-${query.key.slice(0, -1)}`.replace('/', '-')),
    obstacle: (label) => (label === 'test/never' ? 'nobody knows it' : undefined),
  };
  const cases: readonly (readonly [rule: string, asked: string, options: string])[] = [
    [String.raw`name regex ^(.*)\.my {1}.{test/Name}.X metadata`, 'a.test-name-of-a.my.x. A', 'no EDNS'],
    ['name regex ^(.*)\\.my {1}.{test/none} metadata', 'a.my. A', 'no EDNS'],
    ['edns0 local set 65001 {test/name}', 'a.my. A', '65001 test-name-of-a.my'],
    ['edns0 local set 65001 {test/none}', 'a.my. A', 'no EDNS'],
  ];
  for (const [rule, asked, options] of cases) {
    const behind = new Behind({});
    const { env, instance } = build(rewritePlugin, `. {\nmetadata\nrewrite ${rule}\n}\n`);
    metadata.provide(env.scope, known);
    await instance.wrap?.(behind.handler)(queryFor('a.my. A'));
    t.same([behind.asked, optionText(behind.queries[0])], [[asked], options], rule);
  }
  const host = testHost();
  const { env, instance } = build(rewritePlugin, '. {\nmetadata\nrewrite edns0 local set 65001 {test/never}\n}\n', {
    host,
  });
  metadata.provide(env.scope, known);
  await instance.start?.(false);
  t.same(host.output, ['[WARNING] plugin/rewrite: no rule with {test/never} ever applies: nobody knows it']);
});

t.test('what was noted of a rewritten query is there for that of the client', async (t) => {
  const noted = new WeakMap<Query, string>();
  const { env, instance } = build(rewritePlugin, '. {\nrewrite name a.test b.test\n}\n');
  metadataSources.provide(env.scope, {
    kind: 'noted',
    prefix: 'notes',
    labels: ['notes/note'],
    value: (query) => noted.get(query),
    forget: (query) => void noted.delete(query),
    carry: (asked, query) => void noted.set(query, noted.get(asked) ?? ''),
  });
  const noting: Handler = async (asked) => {
    noted.set(asked, `note of ${asked.key}`);
    if (asked.type === TYPE.A) throw new QueryError(RCODE.SERVFAIL, 'unreachable');
    return emptyAnswer(RCODE.NOERROR, 'behind');
  };
  const handler = instance.wrap?.(noting);
  for (const question of ['a.test. A', 'a.test. AAAA']) {
    const query = queryFor(question);
    await Promise.resolve(handler?.(query)).catch(() => undefined);
    t.equal(noted.get(query), 'note of b.test.', question);
  }
});

/** `rewrite`, `cache 30` and a cluster, as in one server block; what is outside of the cluster is `outside`. */
