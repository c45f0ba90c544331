import t from 'tap';
import { parseQuery } from '../../src/core/accept.ts';
import { emptyAnswer, noReply } from '../../src/core/answer.ts';
import { buildAnswer } from '../../src/core/encode.ts';
import { fold, type Handler, QueryError } from '../../src/core/handler.ts';
import { Query } from '../../src/core/query.ts';
import { dropCounter, servedZones } from '../../src/core/query-metrics.ts';
import { FLAG, RCODE } from '../../src/dns/codes.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { exposeBuild } from '../../src/metrics/build-info.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { errorsPlugin } from '../../src/plugins/errors/index.ts';
import { logPlugin } from '../../src/plugins/log/index.ts';
import { prometheusPlugin } from '../../src/plugins/prometheus/index.ts';
import { parseExposition } from '../metrics/parse-exposition.ts';
import { ask, type Asking, queryFor, testPeer } from '../support/ask.ts';
import { build, mistakesOf, testHost, type TestHost } from '../support/env.ts';

const address: Handler = (query) =>
  buildAnswer(query, {
    rcode: RCODE.NOERROR,
    flags: FLAG.AA,
    source: 'kubernetes',
    answer: [addressRecord(query.text, 30, '10.96.0.1')],
  });

/** The series whose names begin with `prefix`, each as `series value`; of histograms only sum and count. */
async function series(metrics: Metrics, prefix: string): Promise<string[]> {
  const families = parseExposition(await metrics.exposition());
  return [...families.values()]
    .flatMap(({ samples }) => [...samples])
    .filter(([name]) => name.startsWith(prefix) && !name.includes('_bucket{'))
    .map(([name, value]) => `${name} ${value}`);
}

t.test('what it refuses in a Corefile', async (t) => {
  const cases: readonly (readonly [directive: string, mistake: string])[] = [
    [
      'prometheus\nprometheus',
      'Corefile:3 - plugin/prometheus: this plugin can only be used once per Server Block; the first is on line 2',
    ],
    ['prometheus foo', 'Corefile:2 - plugin/prometheus: address foo: missing port in address'],
    ['prometheus {\nfoo\n}', 'Corefile:3 - plugin/prometheus: Error during parsing: unknown option: foo'],
    [
      'prometheus :9153 {\nruntime_metrics\ntls web.yml\n}',
      `Corefile:4 - plugin/prometheus: the option 'tls' is not built in yet; leave it out, or put a proxy before the metrics`,
    ],
  ];
  for (const [directive, mistake] of cases) t.same(mistakesOf(prometheusPlugin, `. {\n${directive}\n}\n`), [mistake]);
  t.same(mistakesOf(prometheusPlugin, '. {\nprometheus :9153 {\nruntime_metrics\n}\n}\n'), []);
});

/** Asks a block with `prometheus` some questions, and gives the series that begin with `prefix`. */
async function counted(
  zones: string,
  questions: readonly (readonly [question: string, next: Handler, asking?: Asking])[],
  prefix: string,
): Promise<string[]> {
  const host = testHost();
  let answer = address;
  const next: Handler = (query) => answer(query);
  const { handler } = build(prometheusPlugin, `${zones} {\nprometheus\n}\n`, { host, next });
  for (const [question, handle, asking] of questions) {
    answer = handle;
    await ask(handler, question, asking).catch(() => undefined);
  }
  return series(host.metrics, prefix);
}

t.test('requests by transport, family and type, under the zone of the block', async (t) => {
  t.same(
    await counted(
      '. example.org sub.example.org',
      [
        ['kubernetes.default.svc.cluster.local. A', address],
        ['www.EXAMPLE.org. A', address],
        ['example.org. AAAA', address, { peer: { family: 6 } }],
        ['sub.example.org. HTTPS', address, { peer: { transport: 'tcp', server: 'dns://10.0.0.10:53' } }],
        ['x.sub.example.org. TYPE65280', address, { dnssecOk: true }],
        ['x.sub.example.org. CAA', address],
        ['x.sub.example.org. LOC', address],
      ],
      'coredns_dns_requests_total',
    ),
    [
      'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="A",view="",zone="."} 1',
      'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="A",view="",zone="example.org."} 1',
      'coredns_dns_requests_total{family="2",proto="udp",server="dns://:53",type="AAAA",view="",zone="example.org."} 1',
      'coredns_dns_requests_total{family="1",proto="tcp",server="dns://10.0.0.10:53",type="HTTPS",view="",zone="sub.example.org."} 1',
      'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="other",view="",zone="sub.example.org."} 3',
    ],
  );
});

t.test('responses by rcode and by the plugin that answered', async (t) => {
  const failing: Handler = () => {
    throw new QueryError(RCODE.REFUSED, 'too many');
  };
  t.same(
    await counted(
      '.',
      [
        ['a.test. A', address],
        ['a.test. A', async (query) => address(query)],
        ['a.test. A', () => emptyAnswer(RCODE.NXDOMAIN, 'hosts')],
        ['a.test. A', () => emptyAnswer(12, 'hosts')],
        ['a.test. A', failing],
        ['a.test. A', async (query) => failing(query)],
        ['a.test. A', () => Promise.reject(new TypeError('a defect'))],
      ],
      'coredns_dns_responses_total',
    ),
    [
      'coredns_dns_responses_total{plugin="kubernetes",rcode="NOERROR",server="dns://:53",view="",zone="."} 2',
      'coredns_dns_responses_total{plugin="hosts",rcode="NXDOMAIN",server="dns://:53",view="",zone="."} 1',
      'coredns_dns_responses_total{plugin="hosts",rcode="RCODE12",server="dns://:53",view="",zone="."} 1',
      'coredns_dns_responses_total{plugin="",rcode="REFUSED",server="dns://:53",view="",zone="."} 2',
      'coredns_dns_responses_total{plugin="",rcode="SERVFAIL",server="dns://:53",view="",zone="."} 1',
    ],
  );
});

t.test('sizes are those of whole messages, of the reply before EDNS; DO is counted', async (t) => {
  const asked = [
    ['kubernetes.default.svc.cluster.local. A', address],
    ['kubernetes.default.svc.cluster.local. A', address, { dnssecOk: true }],
    ['a.test. A', () => emptyAnswer(RCODE.REFUSED, 'acl'), { peer: { transport: 'tcp' } }],
    ['a.test. A', () => noReply, { peer: { transport: 'tcp' } }],
  ] as const;
  const labels = 'server="dns://:53",view="",zone="."';
  t.same(await counted('.', asked, 'coredns_dns_response_size_bytes'), [
    `coredns_dns_response_size_bytes_sum{proto="udp",${labels}} 212`,
    `coredns_dns_response_size_bytes_count{proto="udp",${labels}} 2`,
    `coredns_dns_response_size_bytes_sum{proto="tcp",${labels}} 24`,
    `coredns_dns_response_size_bytes_count{proto="tcp",${labels}} 2`,
  ]);
  t.same(await counted('.', asked, 'coredns_dns_request_size_bytes'), [
    `coredns_dns_request_size_bytes_sum{proto="udp",${labels}} 119`,
    `coredns_dns_request_size_bytes_count{proto="udp",${labels}} 2`,
    `coredns_dns_request_size_bytes_sum{proto="tcp",${labels}} 48`,
    `coredns_dns_request_size_bytes_count{proto="tcp",${labels}} 2`,
  ]);
  t.same(await counted('.', asked, 'coredns_dns_do_requests'), [`coredns_dns_do_requests_total{${labels}} 1`]);
});

t.test("the time until the answer is there, errors included, in the reference's buckets", async (t) => {
  const host = testHost();
  const slow: Handler = async (query) => {
    await host.clock.advance(3);
    if (query.key === 'bad.test.') throw new QueryError(RCODE.SERVFAIL, 'i/o timeout');
    return emptyAnswer(RCODE.NOERROR, 'forward');
  };
  const { handler } = build(prometheusPlugin, '. {\nprometheus\n}\n', { host, next: slow });
  await ask(handler, 'a.test. A');
  await t.rejects(ask(handler, 'bad.test. A'), QueryError);
  const labels = 'server="dns://:53",view="",zone="."';
  const name = 'coredns_dns_request_duration_seconds';
  t.same(await series(host.metrics, name), [`${name}_sum{${labels}} 0.006`, `${name}_count{${labels}} 2`]);
  const { samples } = parseExposition(await host.metrics.exposition()).get(name) ?? {};
  const bounds = [...(samples?.keys() ?? [])].flatMap((sample) => /le="([^"]*)"/.exec(sample)?.[1] ?? []);
  t.same(
    bounds,
    '0.00025 0.0005 0.001 0.002 0.004 0.008 0.016 0.032 0.064 0.128 0.256 0.512 1.024 2.048 4.096 8.192 +Inf'.split(
      ' ',
    ),
  );
});

/** A started `prometheus` in a block served on these listeners. */
async function started(host: TestHost, block: string, servers: readonly string[]): Promise<() => Promise<void>> {
  const { instance, env } = build(prometheusPlugin, `. {\n${block}\n}\n`, { host });
  for (const server of servers) servedZones.provide(env.scope, { server, zone: '.' });
  await instance.start?.(false);
  return async () => instance.stop?.();
}

t.test('the endpoint, and the plugins that are at work while it is open', async (t) => {
  const host = testHost();
  const block = 'prometheus :9153\nkubernetes cluster.local\nhealth\nready\nreload\nbind lo\nerrors';
  const stopOld = await started(host, block, ['dns://:53', 'dns://10.0.0.10:53']);
  const response = await host.http.get(':9153', '/metrics');
  t.match(response, { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' });
  t.equal(response?.body, await host.metrics.exposition());
  const enabled = (name: string, server: string): string =>
    `coredns_plugin_enabled{name="${name}",server="${server}",view="",zone="."} 1`;
  const names = ['prometheus', 'kubernetes', 'errors'];
  const old = ['dns://:53', 'dns://10.0.0.10:53'].flatMap((server) => names.map((name) => enabled(name, server)));
  t.same(await series(host.metrics, 'coredns_plugin_enabled'), old);

  const stopNew = await started(host, 'prometheus :9153\nerrors', ['dns://:53']);
  await stopOld();
  t.same(
    await series(host.metrics, 'coredns_plugin_enabled'),
    ['prometheus', 'errors'].map((name) => enabled(name, 'dns://:53')),
  );
  t.equal((await host.http.get(':9153', '/metrics'))?.status, 200);
  await stopNew();
  t.equal(await host.http.get(':9153', '/metrics'), undefined);
  t.same(await series(host.metrics, 'coredns_plugin_enabled'), []);

  await started(host, 'prometheus', []);
  t.equal((await host.http.get('localhost:9153', '/metrics'))?.status, 200);
});

t.test('replies that no block has seen are counted under the zone dropped', async (t) => {
  const metrics = new Metrics();
  const onDropped = dropCounter(metrics);
  onDropped(queryFor('a.test. A'), RCODE.REFUSED);
  onDropped(queryFor('a.test. TXT CH', { peer: { server: 'dns://:5353' } }), RCODE.REFUSED);
  const broken = new Query();
  parseQuery(broken, Buffer.from('123401000002000000000000', 'hex'), testPeer);
  onDropped(broken, RCODE.FORMERR);
  const labels = 'server="dns://:53",view="",zone="dropped"';
  t.same(await series(metrics, 'coredns_dns_responses_total'), [
    `coredns_dns_responses_total{plugin="",rcode="REFUSED",${labels}} 1`,
    'coredns_dns_responses_total{plugin="",rcode="REFUSED",server="dns://:5353",view="",zone="dropped"} 1',
    `coredns_dns_responses_total{plugin="",rcode="FORMERR",${labels}} 1`,
  ]);
  t.same(await series(metrics, 'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53"'), [
    'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="A",view="",zone="dropped"} 1',
    'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="other",view="",zone="dropped"} 1',
  ]);
  t.same(await series(metrics, 'coredns_dns_response_size_bytes_sum'), [
    `coredns_dns_response_size_bytes_sum{proto="udp",${labels}} 36`,
    'coredns_dns_response_size_bytes_sum{proto="udp",server="dns://:5353",view="",zone="dropped"} 24',
  ]);
});

t.test('what runs is told by its versions', async (t) => {
  const metrics = new Metrics();
  exposeBuild(metrics, { version: '1.2.3', revision: 'abc', nodeVersion: 'v26.10.0' });
  t.same(await series(metrics, 'coredns_build_info'), [
    'coredns_build_info{goversion="v26.10.0",revision="abc",version="1.2.3"} 1',
  ]);
});

/** The chain as most Corefiles have it, from `prometheus` to a plugin behind `log`. */
function observed(host: TestHost, last: Handler): Handler {
  const wraps = [
    build(prometheusPlugin, '. {\nprometheus\n}\n', { host }),
    build(errorsPlugin, '. {\nerrors\n}\n', { host }),
    build(logPlugin, '. {\nlog . {\nclass error\n}\n}\n', { host }),
  ].flatMap(({ instance }) => instance.wrap ?? []);
  return fold(wraps, last);
}

t.test('what is there at once passes prometheus, errors and log without a promise, and is counted', async (t) => {
  const host = testHost();
  const ready = emptyAnswer(RCODE.NOERROR, 'kubernetes');
  const query = queryFor('a.test. A');
  t.equal(build(prometheusPlugin, '. {\nprometheus\n}\n', { host, next: () => ready }).handler(query), ready);
  t.equal(observed(host, () => ready)(query), ready);
  const failed = observed(host, () => {
    throw new QueryError(RCODE.SERVFAIL, 'no');
  })(query);
  t.notOk(failed instanceof Promise);
  t.match(failed, { rcode: RCODE.SERVFAIL, source: '', reason: 'no' });
  t.same(
    (await series(host.metrics, 'coredns_dns_responses_total')).map((line) => line.split(' ').at(-1)),
    ['2', '1'],
  );
});

t.test('what is there at once leaves nothing behind on its way', async (t) => {
  const ready = emptyAnswer(RCODE.NOERROR, 'kubernetes');
  const handler = observed(testHost(), () => ready);
  const query = queryFor('a.test. A');
  const ROUNDS = 50_000;
  const run = (): number => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < ROUNDS; i++) void handler(query);
    return (process.memoryUsage().heapUsed - before) / ROUNDS;
  };
  run();
  const bytes = Math.min(run(), run(), run());
  t.ok(bytes < 40, `${bytes.toFixed(1)} bytes a query`);
});
