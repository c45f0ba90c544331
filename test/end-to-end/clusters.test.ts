import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bundle, portolan as portolanBundle } from '../../build.ts';
import { Cluster, startApiServer } from '../../src/devcluster/index.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import { ask, Portolan, short, until } from './process.ts';

const keys = join(import.meta.dirname, '../kube/data');
const pem = (name: string): string => readFileSync(join(keys, name), 'utf8');

const parts = { clock: systemClock, random: seededRandom(1), log: memoryLog() };
const cluster = new Cluster(parts);
cluster.create('Service', 'default', {
  metadata: { name: 'kubernetes' },
  spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] },
});
const api = await startApiServer({
  ...parts,
  cluster,
  tls: { key: pem('tls-server.key'), cert: pem('tls-server.crt') },
  token: 'first',
});
t.teardown(() => api.close());

const name = 'kubernetes.default.svc.cluster.local.';

t.test('as in a pod: HTTPS, with a token that changes and a CA', async (t) => {
  const account = t.testdir({ token: 'first', 'ca.crt': pem('tls-ca.crt') });
  const manifest = readFileSync(join(import.meta.dirname, '../../manifests/2-corefile.yaml'), 'utf8');
  const corefile = /Corefile: \|\n([\s\S]*)/.exec(manifest)?.[1] ?? '';
  const portolan = Portolan.start(moved(corefile), [], {
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(api.port),
    PORTOLAN_SERVICE_ACCOUNT: account,
  });
  t.teardown(() => portolan.stop());
  const port = await portolan.port();
  t.equal(short(await ask(port, name)), 'NOERROR 10.96.0.1');
  t.equal(short(await ask(port, '1.0.96.10.in-addr.arpa.', 'PTR')), `NOERROR ${name}`);

  writeFileSync(join(account, 'token'), 'second');
  api.changeToken('second');
  api.cutWatches();
  cluster.create('Service', 'default', {
    metadata: { name: 'after' },
    spec: { clusterIP: '10.96.0.2', ports: [{ port: 80 }] },
  });
  await until(port, 'after.default.svc.cluster.local.', 'NOERROR 10.96.0.2');
});

/** The Corefile of the manifests on ports that are free here: the file's port is taken for a default, and so is `-dns.port 0`. */
function moved(corefile: string): string {
  return corefile
    .replace('.:53', '.')
    .replace('prometheus :9153', 'prometheus 127.0.0.1:0')
    .replace('health {', 'health 127.0.0.1:0 {')
    .replace(/\bready\b/, 'ready 127.0.0.1:0')
    .replace(/forward \. \/etc\/resolv\.conf/, 'forward . 127.0.0.1:9');
}

t.test('by a kubeconfig', async (t) => {
  api.changeToken('third');
  const folder = t.testdir({ 'ca.crt': pem('tls-ca.crt') });
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: api.url, 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [{ name: 'u', user: { token: 'third' } }],
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
  };
  writeFileSync(join(folder, 'config'), JSON.stringify(config));
  const portolan = Portolan.start(`. {\n  kubernetes cluster.local {\n    kubeconfig ${folder}/config here\n  }\n}\n`);
  t.teardown(() => portolan.stop());
  t.equal(short(await ask(await portolan.port(), name)), 'NOERROR 10.96.0.1');
});

const questions = [
  ['db-0.db.default.svc.cluster.local.', 'A', /^NOERROR 10\.244\.\d+\.\d+$/],
  ['db.default.svc.cluster.local.', 'A', /^NOERROR( 10\.244\.\d+\.\d+){3}$/],
  ['10.1.244.10.in-addr.arpa.', 'PTR', /^NOERROR 10-244-1-10\.web(-dual)?\.default\S+ 10-244-1-10\.web/],
  ['_http._tcp.web.default.svc.cluster.local.', 'SRV', /^NOERROR 0 100 80 web\.default\.svc\.cluster\.local\.$/],
  ['search.default.svc.cluster.local.', 'A', /^NOERROR 192\.0\.2\.80 www\.example\.test\.$/],
  ['mysql.default.svc.cluster.local.', 'A', /^NOERROR 10\.\S+ mysql\.db\.svc\.cluster\.local\.$/],
] as const;

const outputFolder = t.testdir();
await bundle({ ...portolanBundle, outputFolder, commit: 'abc123' });

for (const [what, script] of [
  ['from the sources', undefined],
  ['bundled, without node_modules', join(outputFolder, 'portolan.js')],
] as const) {
  t.test(`a cluster of its own, ${what}`, async (t) => {
    const portolan = Portolan.dev(['-p', '0'], script);
    t.teardown(() => portolan.stop());
    const port = await portolan.port();
    await portolan.printed(/dig @127\.0\.0\.1 -p \d+ search\.default\.svc\.cluster\.local/);
    for (const [question, type, answer] of questions) t.match(short(await ask(port, question, type)), answer, question);
    portolan.signal('SIGTERM');
    t.equal(await portolan.ended(), 0);
    t.equal(portolan.output.includes('abc123'), script !== undefined);
  });
}
