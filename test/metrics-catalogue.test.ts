import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { exposeBuild } from '../src/metrics/build-info.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import { plugins } from '../src/plugins/index.ts';
import { exchangeUdp, questionWire } from './support/dns-client.ts';
import { startServer } from './support/running-server.ts';
import { StaticApi } from './support/static-api.ts';
import { goldenUpstream, startStubUpstream } from './support/stub-upstream.ts';

const root = join(import.meta.dirname, '..');

/** A row of the page for each metric, `NAME TYPE LABEL...`, labels in alphabetical order. */
function catalogue(): string[] {
  const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
  const rows = page.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|(.*?)\| .+ \|$/gm);
  return Array.from(rows, ([, name = '', type = '', labels = '']) => {
    return [name, type, ...(labels.match(/\w+/g) ?? []).toSorted()].join(' ');
  }).toSorted();
}

/** Every name of a metric that stands in the source. */
function namesInSource(): string[] {
  const folder = join(root, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  return [...new Set(texts.flatMap((text) => text.match(/(?<=')(coredns|portolan)_\w+(?=')/g) ?? []))];
}

/** All plugins in one block, with what makes each of them register what it has. */
const corefile = `.:0 {
  metadata
  reload
  bind 127.0.0.1
  debug
  ready
  health
  prometheus
  errors
  log
  loadbalance
  rewrite name old.test new.test
  autopath @kubernetes
  cache
  transfer {
    to 192.0.2.1
  }
  hosts {
    192.0.2.3 host.test
    fallthrough
  }
  k8s_external external.test
  kubernetes cluster.local {
    endpoint <api-url>
    pods verified
  }
  loop
  forward . <upstream>
  whoami
}
`;

/** What the server registers of one type, from now until the test ends. */
function registrations(t: Test, type: 'counter' | 'gauge' | 'histogram'): () => string[] {
  const calls = t.capture(Metrics.prototype, type, Metrics.prototype[type]);
  return () => calls().map(({ args: [{ name, labels = [] }] }) => [name, type, ...labels.toSorted()].join(' '));
}

t.test('the page of metrics names all that there are, as they are', async (t) => {
  const atWork = new Set(Array.from(corefile.matchAll(/^  (\w+)/gm), ([, name]) => name));
  t.same(
    plugins.map(({ name }) => name).filter((name) => !atWork.has(name)),
    [],
    'every plugin is at work',
  );
  const registered = (['counter', 'gauge', 'histogram'] as const).map((type) => registrations(t, type));
  const api = await StaticApi.start({});
  t.teardown(() => api.close());
  const upstream = await startStubUpstream(goldenUpstream);
  t.teardown(() => upstream.close());
  const server = await startServer(corefile, { placeholders: { 'api-url': api.url, upstream: upstream.address } });
  t.teardown(() => server.close());
  exposeBuild(server.metrics, { version: '', revision: '', nodeVersion: '' });
  await exchangeUdp(server.port, questionWire({ name: 'www.example.test.' }));
  const found = new Set(registered.flatMap((calls) => calls()));
  t.same([...found].toSorted(), catalogue());

  const names = new Set([...found].map((text) => text.split(' ')[0]));
  t.same(
    namesInSource().filter((name) => !names.has(name)),
    [],
    'nothing in the source was missed',
  );
});
