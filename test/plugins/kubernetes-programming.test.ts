import t from 'tap';
import { Metrics } from '../../src/metrics/metrics.ts';
import { recordProgramming } from '../../src/plugins/kubernetes/programming.ts';
import { slimmed, storeOf } from '../golden/cases/store.ts';
import { ManualClock } from '../support/clock.ts';
import type { RawObject } from '../support/static-api.ts';

const service = (name: string, spec: object): RawObject => ({ metadata: { namespace: 'default', name }, spec });

const services = [
  service('web', { type: 'ClusterIP', clusterIPs: ['10.96.1.1'] }),
  service('node', { type: 'NodePort', clusterIPs: ['10.96.1.2'] }),
  service('db', { type: 'ClusterIP', clusterIPs: ['None'] }),
  service('out', { type: 'ExternalName', externalName: 'www.example.test' }),
];

/** A slice whose trigger time is `agoMs` before now; without one where it is undefined. */
function slice(clock: ManualClock, of: string, agoMs: number | undefined): RawObject {
  const trigger =
    agoMs === undefined
      ? {}
      : { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(clock.wall() - agoMs).toISOString() };
  const labels = { 'kubernetes.io/service-name': of };
  return {
    metadata: { namespace: 'default', name: `${of}-1`, annotations: trigger, labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.1.1'] }],
  };
}

/** The samples of each kind: how many, and their sum in seconds. */
async function samples(metrics: Metrics): Promise<Record<string, string>> {
  const lines = (await metrics.exposition()).matchAll(
    /^coredns_kubernetes_dns_programming_duration_seconds_(sum|count)\{service_kind="(\w+)"\} (\S+)$/gm,
  );
  const found: Record<string, string> = {};
  for (const [, what = '', kind = '', value = ''] of lines) {
    found[kind] = [...(found[kind]?.split(' ') ?? []), `${what}=${value}`].sort().join(' ');
  }
  return found;
}

t.test('what is measured, and as what', async (t) => {
  const cases = [
    ['web', 250, { cluster_ip: 'count=1 sum=0.25' }],
    ['node', 250, { cluster_ip: 'count=1 sum=0.25' }],
    ['db', 500, { headless_with_selector: 'count=1 sum=0.5' }],
    // By a clock that is ahead of ours.
    ['db', -50, { headless_with_selector: 'count=1 sum=0' }],
    // Slices left from when it was another kind of service.
    ['out', 250, {}],
    ['nobody', 250, {}],
    // Made by hand, so of a service without a selector.
    ['db', undefined, {}],
    // Before the server was there.
    ['web', 10_000, {}],
  ] as const;
  for (const [of, agoMs, expected] of cases) {
    const clock = new ManualClock();
    const metrics = new Metrics();
    const store = storeOf({ services }, clock);
    recordProgramming(metrics, store, clock);
    await clock.advance(5000);
    const put = slimmed('EndpointSlice', slice(clock, of, agoMs));
    store.apply({ type: 'changes', kind: 'EndpointSlice', changes: [{ put }] });
    t.same(await samples(metrics), expected, `${of}, ${agoMs} ms ago`);
  }
});

t.test('each change is measured, and not again when the slice goes', async (t) => {
  const clock = new ManualClock();
  const metrics = new Metrics();
  const store = storeOf({ services }, clock);
  recordProgramming(metrics, store, clock);
  await clock.advance(1000);
  const change = (agoMs: number | undefined, resourceVersion: string): void => {
    const put = { ...slimmed('EndpointSlice', slice(clock, 'web', agoMs)), resourceVersion };
    store.apply({ type: 'changes', kind: 'EndpointSlice', changes: [{ put }] });
  };
  change(125, '1');
  await clock.advance(125);
  // Trigger times are whole seconds mostly: two changes may have the same.
  change(250, '2');
  await clock.advance(60_000);
  change(undefined, '3');
  change(500, '4');
  await clock.advance(60_000);
  store.apply({ type: 'changes', kind: 'EndpointSlice', changes: [{ gone: { namespace: 'default', name: 'web-1' } }] });
  t.match(await samples(metrics), { cluster_ip: 'count=3 sum=0.875' });
});
