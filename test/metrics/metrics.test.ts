import * as prometheus from 'prom-client';
import t from 'tap';
import { exponentialBuckets } from '../../src/metrics/histogram.ts';
import { EXPOSITION_CONTENT_TYPE, Metrics } from '../../src/metrics/metrics.ts';
import { seededRandom } from '../support/random.ts';
import { parseExposition } from './parse-exposition.ts';

const SERVER = 'dns://:53';

/** The series of one metric, as parsed. */
async function series(metrics: Metrics, name: string): Promise<Record<string, number>> {
  return Object.fromEntries(parseExposition(await metrics.exposition()).get(name)?.samples ?? []);
}

t.test('the text a scraper reads', async (t) => {
  const metrics = new Metrics();
  const requests = metrics.counter({ name: 'dns_requests_total', help: 'Requests.', labels: ['zone', 'server'] });
  const duration = metrics.histogram({ name: 'dns_duration', help: 'Time.', labels: ['zone'], buckets: [0.25, 0.5] });
  metrics.gauge({ name: 'a_gauge', help: 'A path: C:\\\nnext line.' });
  metrics.gauge({ name: 'unused', help: 'Never set.', labels: ['zone'] }).with({ zone: '.' });

  requests.with({ server: SERVER, zone: '.' }).inc();
  requests.with({ server: SERVER, zone: 'a\\b"c\nd.' }).inc(2.5);
  for (const value of [0.1, 0.25, 0.3, 7]) duration.with({ zone: '.' }).observe(value);

  const text = await metrics.exposition();
  t.equal(
    text,
    String.raw`# HELP a_gauge A path: C:\\\nnext line.
# TYPE a_gauge gauge
a_gauge 0
# HELP dns_duration Time.
# TYPE dns_duration histogram
dns_duration_bucket{zone=".",le="0.25"} 2
dns_duration_bucket{zone=".",le="0.5"} 3
dns_duration_bucket{zone=".",le="+Inf"} 4
dns_duration_sum{zone="."} 7.65
dns_duration_count{zone="."} 4
# HELP dns_requests_total Requests.
# TYPE dns_requests_total counter
dns_requests_total{server="dns://:53",zone="."} 1
dns_requests_total{server="dns://:53",zone="a\\b\"c\nd."} 2.5
`,
  );
  t.equal(parseExposition(text).size, 3);
  t.equal(EXPOSITION_CONTENT_TYPE, 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores');
  t.equal(await new Metrics().exposition(), '');
});

t.test('a series shows from its first use on, without labels from the start', async (t) => {
  const metrics = new Metrics();
  metrics.counter({ name: 'panics_total', help: 'Panics.' });
  metrics.histogram({ name: 'probe_seconds', help: 'Probe.', buckets: [1] });
  const hits = metrics.counter({ name: 'hits_total', help: 'Hits.', labels: ['type'] });
  const entries = metrics.gauge({ name: 'entries', help: 'Entries.', labels: ['type'] });
  const sizes = metrics.histogram({ name: 'size_bytes', help: 'Sizes.', labels: ['type'], buckets: [1] });
  const used = { type: 'success' };
  for (const instrument of [hits, entries, sizes]) instrument.with({ type: 'denial' });

  t.same([...parseExposition(await metrics.exposition()).keys()], ['panics_total', 'probe_seconds']);
  t.same(await series(metrics, 'probe_seconds'), {
    'probe_seconds_bucket{le="1"}': 0,
    'probe_seconds_bucket{le="+Inf"}': 0,
    probe_seconds_sum: 0,
    probe_seconds_count: 0,
  });

  hits.with(used).inc(0);
  entries.with(used).set(0);
  sizes.with(used).observe(0);
  t.same(await series(metrics, 'hits_total'), { 'hits_total{type="success"}': 0 });
  t.same(await series(metrics, 'entries'), { 'entries{type="success"}': 0 });
  t.same((await series(metrics, 'size_bytes'))['size_bytes_count{type="success"}'], 1);
});

t.test('gauges go up and down and away', async (t) => {
  const metrics = new Metrics();
  const gauge = metrics.gauge({ name: 'entries', help: 'Entries.', labels: ['zone'] });
  const [a, b] = [gauge.with({ zone: 'a.' }), gauge.with({ zone: 'b.' })];
  a.set(5);
  a.inc();
  a.dec(2.5);
  b.dec();
  t.same(await series(metrics, 'entries'), { 'entries{zone="a."}': 3.5, 'entries{zone="b."}': -1 });
  gauge.remove({ zone: 'a.' });
  t.same(await series(metrics, 'entries'), { 'entries{zone="b."}': -1 });
  a.inc();
  t.same(await series(metrics, 'entries'), { 'entries{zone="a."}': 1, 'entries{zone="b."}': -1 });
  a.set(Infinity);
  b.set(1e21);
  t.same(await series(metrics, 'entries'), { 'entries{zone="a."}': Infinity, 'entries{zone="b."}': 1e21 });
});

t.test('numbers read at the scrape: over a reload the newest reader is asked', async (t) => {
  const metrics = new Metrics();
  const entries = metrics.gauge({ name: 'entries', help: 'Entries.', labels: ['zone'] });
  const evicted = metrics.counter({ name: 'evicted_total', help: 'Evicted.' });
  const zone = { zone: '.' };
  let size = 3;
  const read = (): number => size;

  const endOld = entries.collect(zone, read);
  t.same(await series(metrics, 'entries'), { 'entries{zone="."}': 3 });
  size = 4;
  t.same(await series(metrics, 'entries'), { 'entries{zone="."}': 4 });

  const endNew = entries.collect(zone, () => 100);
  t.same(await series(metrics, 'entries'), { 'entries{zone="."}': 100 });
  endNew();
  t.same(
    await series(metrics, 'entries'),
    { 'entries{zone="."}': 4 },
    'the new configuration failed: the old one again',
  );
  const endTwin = entries.collect(zone, read);
  endOld();
  endOld();
  t.same(await series(metrics, 'entries'), { 'entries{zone="."}': 4 }, 'the same function, given by two owners');
  size = NaN;
  t.same(await series(metrics, 'entries'), {}, 'NaN is no number to show');
  endTwin();
  t.same(await series(metrics, 'entries'), {});

  t.same(await series(metrics, 'evicted_total'), { evicted_total: 0 });
  evicted.collect({}, () => 7);
  t.same(await series(metrics, 'evicted_total'), { evicted_total: 7 });
});

t.test('one instrument for a name, one number for a label set', async (t) => {
  const metrics = new Metrics();
  const spec = { name: 'x_total', help: 'X.', labels: ['a', 'b'] } as const;
  const first = metrics.counter(spec).with({ a: '1', b: '2' });
  const second = metrics.counter({ ...spec, labels: ['b', 'a'] }).with({ b: '2', a: '1' });
  first.inc();
  second.inc();
  t.same(await series(metrics, 'x_total'), { 'x_total{a="1",b="2"}': 2 });

  const histogram = { name: 'h', help: 'H.', labels: ['a'], buckets: [1, 2] } as const;
  t.equal(metrics.histogram(histogram), metrics.histogram(histogram));

  const conflict = 'exists with another type, other labels or other buckets';
  t.throws(() => metrics.gauge(spec), { message: `metric x_total ${conflict}` });
  t.throws(() => metrics.histogram({ ...spec, buckets: [1] }), { message: `metric x_total ${conflict}` });
  t.throws(() => metrics.counter({ ...spec, labels: ['a'] }), { message: `metric x_total ${conflict}` });
  t.throws(() => metrics.counter({ ...spec, labels: ['a', 'c'] }), { message: `metric x_total ${conflict}` });
  t.throws(() => metrics.counter(histogram), { message: `metric h ${conflict}` });
  t.throws(() => metrics.histogram({ ...histogram, labels: ['b'] }), { message: `metric h ${conflict}` });
  t.throws(() => metrics.histogram({ ...histogram, buckets: [1, 3] }), { message: `metric h ${conflict}` });

  t.throws(() => metrics.counter({ name: 'no-name', help: 'X.' }), { message: /Invalid metric name/ });
  t.throws(() => metrics.counter({ name: 'y', help: 'X.', labels: ['no-label'] }), { message: /Invalid label name/ });
  t.throws(() => metrics.histogram({ name: 'z', help: 'Z.', buckets: [2, 1] }), { message: /ascend/ });
  t.throws(() => metrics.histogram({ name: 'z', help: 'Z.', buckets: [1, Infinity] }), { message: /finite/ });
  t.throws(() => metrics.histogram({ name: 'z', help: 'Z.', labels: ['le'], buckets: [1] }), { message: /label le/ });
  const labels: Record<string, string> = { a: '1' };
  const untyped = metrics.counter<string>({ name: 'v', help: 'V.', labels: ['a', 'b'] });
  t.throws(() => untyped.with(labels), { message: 'label b has no value' });
});

t.test('bucket bounds print as the reference prints them', (t) => {
  const texts = (bounds: readonly number[]): string => bounds.map(String).join(' ');
  t.equal(
    texts(exponentialBuckets(0.00025, 2, 16)),
    '0.00025 0.0005 0.001 0.002 0.004 0.008 0.016 0.032 0.064 0.128 0.256 0.512 1.024 2.048 4.096 8.192',
  );
  t.equal(texts(exponentialBuckets(0.00025, 10, 5)), '0.00025 0.0025 0.025 0.25 2.5');
  t.equal(
    texts(exponentialBuckets(0.001, 2, 20))
      .split(' ')
      .at(-1),
    '524.288',
  );
  t.end();
});

t.test('random counting gives what prom-client counts', async (t) => {
  const random = seededRandom(20260101);
  const metrics = new Metrics();
  const registry = new prometheus.Registry();
  const counter = { name: 'c_total', help: 'C.' };
  const histogram = { name: 'h_seconds', help: 'H.', buckets: exponentialBuckets(0.00025, 2, 16) };
  const ours = {
    counter: metrics.counter({ ...counter, labels: ['zone', 'type'] }),
    histogram: metrics.histogram({ ...histogram, labels: ['zone', 'type'] }),
  };
  const theirs = {
    counter: new prometheus.Counter({ ...counter, labelNames: ['zone', 'type'], registers: [registry] }),
    histogram: new prometheus.Histogram({ ...histogram, labelNames: ['zone', 'type'], registers: [registry] }),
  };
  // Cells kept from before the tables grow must go on counting in the right place.
  const kept = new Map<string, { inc(n: number): void; observe(value: number): void }>();
  for (let i = 0; i < 5000; i++) {
    const labels = { zone: `z${random.below(13)}.`, type: ['A', 'AAAA', 'other'][random.below(3)] ?? '' };
    const key = labels.zone + labels.type;
    const [cell, observer] = [ours.counter.with(labels), ours.histogram.with(labels)];
    const own = kept.get(key) ?? { inc: (n) => cell.inc(n), observe: (value) => observer.observe(value) };
    kept.set(key, own);
    const n = random.below(5);
    const value =
      random.below(4) === 0 ? 0.00025 * 2 ** random.below(17) : random.below(1000) / 1024 ** random.below(3);
    own.inc(n);
    theirs.counter.inc(labels, n);
    own.observe(value);
    theirs.histogram.observe(labels, value);
  }
  for (const { name } of [counter, histogram]) {
    t.same(sampleLines(await metrics.exposition(), name), sampleLines(await registry.metrics(), name));
  }
  t.equal(Object.keys(await series(metrics, 'c_total')).length, 39);
  t.equal(Object.keys(await series(metrics, 'h_seconds')).length, 39 * 19);
});

/** The sample lines of one metric, sorted, with sorted labels: prom-client orders labels as they were given. */
function sampleLines(text: string, name: string): string[] {
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => labels.split(',').sort().join())).sort();
}

t.test('the process itself', async (t) => {
  const metrics = new Metrics();
  const before = process.getActiveResourcesInfo().length;
  metrics.addProcess();
  t.equal(process.getActiveResourcesInfo().length, before, 'keeps nothing alive');
  const families = parseExposition(await metrics.exposition());
  t.match(families.get('process_cpu_seconds_total')?.type, 'counter');
  t.ok((families.get('process_resident_memory_bytes')?.samples.get('process_resident_memory_bytes') ?? 0) > 1e6);
  t.ok(families.has('nodejs_heap_size_used_bytes'));
  t.same(
    [...families.keys()].filter((name) => name.includes('eventloop')),
    [],
  );
  t.ok((await metrics.exposition()).length > 0, 'a second scrape');
});
