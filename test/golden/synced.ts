import { setTimeout as delay } from 'node:timers/promises';
import type { RunningServer } from '../support/running-server.ts';

const POLL_MS = 5;
const PATIENCE_MS = 20_000;

type Watching = Pick<RunningServer, 'metrics' | 'log'>;

/** Resolves when the server has the first complete list of every kind it watches; rejects after a long time. */
export function untilSynced(server: Watching): Promise<void> {
  return untilExposed(server, (exposition) => {
    const watched = exposition.match(/^portolan_kubernetes_objects\{/gm) ?? [];
    const listed = exposition.match(/^portolan_kubernetes_confirmed_age_seconds\{/gm) ?? [];
    return watched.length === listed.length;
  });
}

/** Resolves when it is no longer than `seconds` ago that the server heard that objects of the kind are current. */
export function untilConfirmed(server: Watching, kind: string, seconds: number): Promise<void> {
  const age = new RegExp(`^portolan_kubernetes_confirmed_age_seconds\\{kind="${kind}"\\} (\\S+)$`, 'm');
  return untilExposed(server, (exposition) => Number(age.exec(exposition)?.[1]) <= seconds);
}

async function untilExposed({ metrics, log }: Watching, holds: (exposition: string) => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if (holds(await metrics.exposition())) return;
    await delay(POLL_MS);
  }
  throw new Error(`the server never knew its cluster:\n${log.join('\n')}`);
}
