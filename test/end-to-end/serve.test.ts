import t from 'tap';
import { startDevCluster } from '../../src/devcluster/index.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import { ask, askTcp, freePort, Portolan, short, until } from './process.ts';

const cluster = await startDevCluster({ clock: systemClock, random: seededRandom(1), log: memoryLog() });
t.teardown(() => cluster.close());

const ports = { health: await freePort(), ready: await freePort(), metrics: await freePort() };

function corefile(extra = ''): string {
  return `.:0 {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${ports.health} {
        lameduck 300ms
    }
    ready 127.0.0.1:${ports.ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint ${cluster.url}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${ports.metrics}
    forward . 127.0.0.1:${cluster.upstreamPort}
    cache 30
    reload 2s 0s
    loadbalance
    ${extra}
}
`;
}

async function get(port: number, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text() };
}

t.test('a server beside a healthy API server', async (t) => {
  const portolan = Portolan.start(corefile());
  t.teardown(() => portolan.stop());
  const port = await portolan.port();

  await t.test('answers from its first moment', async (t) => {
    const questions = [
      ['web.default.svc.cluster.local.', 'AAAA', 'NOERROR'],
      ['kubernetes.default.svc.cluster.local.', 'A', 'NOERROR 10.96.0.1'],
      ['nosuch.default.svc.cluster.local.', 'A', 'NXDOMAIN'],
      ['1.0.96.10.in-addr.arpa.', 'PTR', 'NOERROR kubernetes.default.svc.cluster.local.'],
      ['10-1-2-3.default.pod.cluster.local.', 'A', 'NOERROR 10.1.2.3'],
      ['search.default.svc.cluster.local.', 'A', 'NOERROR 192.0.2.80 www.example.test.'],
      ['www.example.test.', 'A', 'NOERROR 192.0.2.80'],
      ['nx.example.test.', 'A', 'NXDOMAIN'],
    ] as const;
    for (const [name, type, expected] of questions) {
      t.equal(short(await ask(port, name, type)), expected, `${name} ${type}`);
    }
  });

  await t.test('answers TCP questions that do not wait for each other', async (t) => {
    const names = Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0 ? 'kubernetes.default.svc.cluster.local.' : 'www.example.test.',
    );
    const replies = await askTcp(port, names);
    t.same(
      replies.map(short),
      names.map((name) => (name.startsWith('k') ? 'NOERROR 10.96.0.1' : 'NOERROR 192.0.2.80')),
    );
  });

  await t.test('sees objects come, change and go, asked before or not', async (t) => {
    const name = 'late.default.svc.cluster.local.';
    t.equal(short(await ask(port, name)), 'NXDOMAIN');
    const spec = (clusterIP: string): object => ({ clusterIP, ports: [{ name: 'http', port: 80 }] });
    cluster.objects.create('Service', 'default', { metadata: { name: 'late' }, spec: spec('10.96.200.1') });
    t.comment(`created: ${Math.round(await until(port, name, 'NOERROR 10.96.200.1'))} ms`);
    t.equal(short(await ask(port, '1.200.96.10.in-addr.arpa.', 'PTR')), `NOERROR ${name}`);
    cluster.objects.delete('Service', 'default', 'late');
    t.comment(`deleted: ${Math.round(await until(port, name, 'NXDOMAIN'))} ms`);
  });

  await t.test('survives an API server that goes, forgets, breaks and comes back', async (t) => {
    const service = (name: string, clusterIP: string): void => {
      cluster.objects.create('Service', 'default', { metadata: { name }, spec: { clusterIP, ports: [{ port: 80 }] } });
    };
    cluster.api.cutWatches();
    service('after-cut', '10.96.201.1');
    await until(port, 'after-cut.default.svc.cluster.local.', 'NOERROR 10.96.201.1');

    await cluster.api.stop();
    service('while-away', '10.96.201.2');
    cluster.objects.delete('Service', 'default', 'after-cut');
    t.equal(short(await ask(port, 'after-cut.default.svc.cluster.local.')), 'NOERROR 10.96.201.1', 'last known');
    t.equal((await get(ports.ready, '/ready')).status, 200);
    cluster.api.expireHistory();
    await cluster.api.start();
    await until(port, 'while-away.default.svc.cluster.local.', 'NOERROR 10.96.201.2');
    await until(port, 'after-cut.default.svc.cluster.local.', 'NXDOMAIN');
    t.equal(short(await ask(port, 'kubernetes.default.svc.cluster.local.')), 'NOERROR 10.96.0.1');
  });

  await t.test('serves probes and metrics', async (t) => {
    t.same(await get(ports.health, '/health'), { status: 200, body: 'OK' });
    t.same(await get(ports.ready, '/ready'), { status: 200, body: 'OK' });
    const { body } = await get(ports.metrics, '/metrics');
    t.match(body, /^coredns_dns_requests_total\{.*type="A".*\} \d+$/m);
    t.match(body, /^coredns_dns_responses_total\{.*rcode="NXDOMAIN".*\} \d+$/m);
    t.match(body, /^portolan_kubernetes_objects\{kind="Service"\} \d+$/m);
    t.match(body, /^process_resident_memory_bytes \d+$/m);
  });

  await t.test('takes a new Corefile, and keeps the old one when the new one is bad', async (t) => {
    portolan.rewrite(corefile('hosts {\n 192.0.2.99 added.example.test\n fallthrough\n }'));
    portolan.signal('SIGUSR1');
    await portolan.printed(/^\[INFO\] Reloading complete$/m);
    t.equal(short(await ask(port, 'added.example.test.')), 'NOERROR 192.0.2.99');
    t.equal(short(await ask(port, 'kubernetes.default.svc.cluster.local.')), 'NOERROR 10.96.0.1');
    portolan.rewrite(corefile('nonsense'));
    portolan.signal('SIGUSR1');
    await portolan.printed(/^\[ERROR\] Restart failed: Corefile:\d+ - .*nonsense/m);
    t.equal(short(await ask(port, 'added.example.test.')), 'NOERROR 192.0.2.99');
  });

  await t.test('ends on SIGTERM after its lameduck time, with code 0', async (t) => {
    portolan.signal('SIGTERM');
    await portolan.printed(/plugin\/health: Going into lameduck mode for 300ms/);
    t.equal(short(await ask(port, 'kubernetes.default.svc.cluster.local.')), 'NOERROR 10.96.0.1', 'still answers');
    t.equal(await portolan.ended(), 0);
    t.match(portolan.output, /^\[INFO\] SIGTERM: Shutting down servers then terminating$/m);
  });
});

t.test('a server whose API server is not there', async (t) => {
  const closed = await freePort();
  const portolan = Portolan.start(
    corefile().replace(cluster.url, `http://127.0.0.1:${closed}`).replace('ttl 30', 'ttl 30\nstartup_timeout 200ms'),
  );
  t.teardown(() => portolan.stop());
  const port = await portolan.port();
  t.equal(short(await ask(port, 'www.example.test.')), 'NOERROR 192.0.2.80', 'names outside');
  t.equal((await get(ports.ready, '/ready')).status, 503);
  await portolan.printed(/plugin\/kubernetes: starting server with unsynced Kubernetes API/);
  const reply = await ask(port, 'kubernetes.default.svc.cluster.local.');
  t.equal(short(reply), 'SERVFAIL');
  t.equal(reply.authority.length, 1, 'with the SOA');
  await portolan.printed(/plugin\/kubernetes: Failed to watch/);
  portolan.signal('SIGINT');
  t.equal(await portolan.ended(), 0);
});

t.test('what keeps it from starting', async (t) => {
  const cases = [
    [
      '.:0 {\n    errors\n    foobar\n    health foo\n}\n',
      [/^Corefile:3 - .*foobar/m, /^Corefile:4 - plugin\/health: address foo/m],
    ],
    ['.:0 {\n    kubernetes cluster.local\n}\n', [/plugin\/kubernetes: unable to load in-cluster configuration/]],
  ] as const;
  for (const [text, patterns] of cases) {
    const portolan = Portolan.start(text, [], { KUBERNETES_SERVICE_HOST: '' });
    t.teardown(() => portolan.stop());
    t.equal(await portolan.ended(), 1);
    for (const pattern of patterns) t.match(portolan.output, pattern);
  }
});

t.test('a port that is taken', async (t) => {
  const first = Portolan.start('.:0 {\n bind 127.0.0.1\n whoami\n}\n');
  t.teardown(() => first.stop());
  const port = await first.port();
  const second = Portolan.start(`.:${port} {\n bind 127.0.0.1\n whoami\n}\n`);
  t.teardown(() => second.stop());
  t.equal(await second.ended(), 1);
  t.match(second.output, new RegExp(`listen tcp 127.0.0.1:${port}: bind: address already in use`));
});
