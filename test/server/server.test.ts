import t from 'tap';
import { emptyAnswer } from '../../src/core/answer.ts';
import { innerQuery } from '../../src/core/inner-query.ts';
import { definePlugin, type Instance, type Plugin } from '../../src/core/plugin.ts';
import { RCODE } from '../../src/dns/codes.ts';
import type { Files } from '../../src/corefile/files.ts';
import { CorefileError, mistakeText } from '../../src/corefile/mistake.ts';
import { createRouter } from '../../src/server/router.ts';
import { Service, type ServiceOptions } from '../../src/server/service.ts';
import { answerText, ask, queryFor } from '../support/ask.ts';
import { testHost } from '../support/env.ts';
import { exchangeUdp } from '../support/dns-client.ts';
import { parseMessage } from '../../src/dns/message.ts';
import { messageText } from '../../src/dns/text.ts';

t.test('the block of a query', async (t) => {
  const refused: string[] = [];
  const route = (zone: string) => ({ zone, handler: () => emptyAnswer(RCODE.NOERROR, zone) });
  const router = createRouter(
    [route('.'), route('example.org.'), route('sub.example.org.'), { zone: 'empty.org.', handler: undefined }],
    { anyClass: false, onRefused: (query) => refused.push(query.key) },
  );
  const cases = [
    ['www.example.org. A', 'example.org.'],
    ['EXAMPLE.org. A', 'example.org.'],
    ['a.sub.example.org. A', 'sub.example.org.'],
    ['notexample.org. A', '.'],
    ['. NS', '.'],
    ['a.sub.example.org. DS', 'example.org.'],
    ['www.test. DS', '.'],
    ['www.empty.org. A', ''],
    ['www.example.org. A CH', ''],
  ] as const;
  for (const [question, zone] of cases) {
    const answer = await router(queryFor(question));
    t.equal(answer.source, zone, question);
    if (zone === '') t.equal(answer.rcode, RCODE.REFUSED);
  }
  t.same(refused, ['www.empty.org.', 'www.example.org.']);
  const rootless = createRouter([route('example.org.')], { anyClass: true, onRefused: () => {} });
  t.match(await ask(rootless, 'www.test. A'), 'REFUSED');
  t.equal((await rootless(queryFor('www.example.org. TXT CH'))).source, 'example.org.');
});

interface Stage {
  readonly events: string[];
  readonly service: Service;
  readonly lines: readonly string[];
  text: string;
  readonly host: ReturnType<typeof testHost>;
}

/** A service whose only plugin, `step NAME`, tells what happens to it and answers with its name. */
function stage(first: string): Stage {
  const events: string[] = [];
  const step: Plugin = definePlugin<string>({
    name: 'step',
    parse(directives) {
      const [name] = directives[0]?.args ?? [];
      if (name?.text !== 'bad') return name?.text ?? '';
      throw new CorefileError([{ file: name.file, line: name.line, message: 'plugin/step: bad' }]);
    },
    create(name, env): Instance {
      events.push(`create ${name}`);
      return {
        wrap: () => (query) => {
          if (query.key === 'circle.') return env.resolve(innerQuery(query, 'circle.', query.type));
          if (query.key === 'wait.') return new Promise((resolve) => waiting.push(() => resolve(emptyAnswer(0, name))));
          return emptyAnswer(name === 'old' ? RCODE.NXDOMAIN : RCODE.NOERROR, name);
        },
        async start(replacing) {
          events.push(`start ${name}${replacing ? ' beside another' : ''}`);
          if (name === 'broken') throw new Error('plugin/step: cannot start');
        },
        drain: async () => void events.push(`drain ${name}`),
        stop: async () => void events.push(`stop ${name}`),
      };
    },
  });
  const waiting: (() => void)[] = [];
  const host = testHost();
  const { control: _, ...withoutControl } = host;
  const result = { events, lines: host.log.lines, text: first, host } as const;
  const files: Files = { absolute: (path) => path, kind: () => 'missing', read: () => '', list: () => [] };
  const options: ServiceOptions = {
    host: withoutControl,
    log: host.log,
    plugins: [step],
    load: () => ({ path: 'Corefile', text: mutable.text }),
    files,
    dnsPort: 0,
    directory: '/',
    onDropped: () => {},
  };
  const mutable = { ...result, service: new Service(options) };
  return mutable;
}

async function reply(service: Service, question: string): Promise<string> {
  const wire = await exchangeUdp(service.endpoints[0]?.port ?? 0, queryFor(question).wire);
  return wire === undefined ? 'none' : (messageText(parseMessage(wire)).split('\n')[0] ?? '');
}

t.test('a start, a reload and an end', async (t) => {
  const scene = stage('. {\n  step old\n}\n');
  const { service, events } = scene;
  await service.start();
  const port = service.endpoints[0]?.port;
  t.equal(await reply(service, 'www.test. A'), 'NXDOMAIN qr rd');
  scene.text = '. {\n  step new\n}\n';
  await service.reload();
  t.equal(service.endpoints[0]?.port, port, 'the socket stayed');
  t.equal(await reply(service, 'www.test. A'), 'NOERROR qr rd');
  await service.shutdown();
  t.same(events, [
    'create old',
    'start old',
    'create new',
    'start new beside another',
    'stop old',
    'drain new',
    'stop new',
  ]);
  t.same(scene.lines, ['[INFO] Reloading', '[INFO] Reloading complete']);
});

t.test('questions that lead in a circle end', async (t) => {
  const { service } = stage('. {\n  step new\n}\n');
  await service.start();
  t.teardown(() => service.shutdown());
  t.equal(await reply(service, 'circle. A'), 'SERVFAIL qr rd');
  t.equal(await reply(service, 'www.test. A'), 'NOERROR qr rd');
});

t.test('a reload that fails changes nothing', async (t) => {
  const scene = stage('. {\n  step old\n}\n');
  const { service, events } = scene;
  await service.start();
  t.teardown(() => service.shutdown());
  const cases = [
    ['. {\n  step bad\n}\n', /Corefile:2 - plugin\/step: bad/],
    ['. {\n  stpe x\n}\n', /Corefile:2 - .*Unknown directive 'stpe'; did you mean 'step'\?/],
    ['. {\n', /Corefile:1 - /],
    ['. {\n  step broken\n}\n', /plugin\/step: cannot start/],
    ['.:0 .:0 {\n  step twice\n}\n', /cannot serve dns:\/\/\.:0 - it is already defined/],
  ] as const;
  for (const [text, message] of cases) {
    scene.text = text;
    await t.rejects(service.reload(), { message });
    t.equal(await reply(service, 'www.test. A'), 'NXDOMAIN qr rd', text);
  }
  t.notOk(events.includes('stop old'));
  t.ok(events.includes('stop broken'), 'what was started halfway is stopped');
});

t.test('a start that fails tells every mistake', async (t) => {
  const { service } = stage('. {\n  step bad\n  foo\n}\ntls://example.org {\n  step x\n}\n');
  const error: unknown = await service.start().catch((problem: unknown) => problem);
  t.type(error, CorefileError);
  t.match(error instanceof CorefileError && error.mistakes.map(mistakeText), [
    'Corefile:2 - plugin/step: bad',
    "Corefile:3 - Error during parsing: Unknown directive 'foo'",
    'Corefile:5 - tls:// listeners are not built in yet',
  ]);
});

t.test('the end of a chain', async (t) => {
  const { service } = stage('. {\n}\n');
  await service.start();
  t.teardown(() => service.shutdown());
  t.equal(await reply(service, 'www.test. A'), 'REFUSED qr rd', 'a block without plugins');
  t.equal(answerText(queryFor('x. A'), emptyAnswer(RCODE.REFUSED, '')), 'REFUSED');
});
