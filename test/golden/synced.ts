import { setTimeout as delay } from 'node:timers/promises';
import type { RunningServer } from '../support/running-server.ts';

const POLL_MS = 5;
const PATIENCE_MS = 20_000;

/** Resolves when the server has the first complete list of every kind it watches; rejects after a long time. */
export async function untilSynced(server: Pick<RunningServer, 'metrics' | 'log'>): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    const exposition = await server.metrics.exposition();
    const watched = exposition.match(/^portolan_kubernetes_objects\{/gm) ?? [];
    const listed = exposition.match(/^portolan_kubernetes_confirmed_age_seconds\{/gm) ?? [];
    if (watched.length === listed.length) return;
    await delay(POLL_MS);
  }
  throw new Error(`the cluster was never listed:\n${server.log.join('\n')}`);
}
