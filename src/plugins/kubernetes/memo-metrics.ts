import type { Metrics } from '../../metrics/metrics.ts';
import type { Memo } from './memo.ts';

/** Shows what the memo does; the returned function takes it out of the exposition. */
export function memoMetrics(metrics: Metrics, zone: string, memo: Memo): () => void {
  const counter = (what: string, help: string, read: () => number): (() => void) =>
    metrics.counter({ name: `portolan_kubernetes_memo_${what}_total`, help, labels: ['zone'] }).collect({ zone }, read);
  const ends = [
    counter('hits', 'Cluster answers found ready made.', () => memo.hits),
    counter('misses', 'Cluster questions that were looked up.', () => memo.misses),
    counter('drops', 'Ready made answers dropped because an object changed.', () => memo.drops),
    metrics
      .gauge({ name: 'portolan_kubernetes_memo_entries', help: 'Cluster answers held ready.', labels: ['zone'] })
      .collect({ zone }, () => memo.size),
  ];
  return () => ends.forEach((end) => end());
}
