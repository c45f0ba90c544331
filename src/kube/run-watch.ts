import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Access } from './access.ts';
import { HttpTransport } from './http-transport.ts';
import type { RequestOutcome } from './http-transport.ts';
import type { Kind } from './objects.ts';
import { RequestGate } from './request-gate.ts';
import type { RequestLimits } from './request-gate.ts';
import { reflect } from './reflector.ts';
import type { Outlet, Report } from './reflector.ts';
import type { Selection } from './resources.ts';

/** What to watch. Plain data: it crosses to the watch thread. */
export interface WatchSpec {
  readonly access: Access;
  /** At most one for each kind. */
  readonly selections: readonly Selection[];
  /** The `User-Agent` header. */
  readonly userAgent: string;
  /** Of all requests together; absent: none. */
  readonly limits?: RequestLimits;
}

/** What a store shows already, key to resourceVersion, by kind. */
export type Known = ReadonlyMap<Kind, Map<string, string>>;

/** What is said by the side that reads from the API server. */
export type WatchMessage = Report | { readonly type: 'request'; readonly outcome: RequestOutcome };

/** Watches all selections until `signal` aborts. Rejects only when this program is at fault. */
export async function runWatch(
  spec: WatchSpec,
  known: Known,
  deps: { readonly clock: Clock; readonly random: Random },
  outlet: Outlet<WatchMessage>,
  signal: AbortSignal,
): Promise<void> {
  const transport = new HttpTransport(spec.access, spec.userAgent, deps.clock, (outcome) =>
    outlet.say({ type: 'request', outcome }),
  );
  const gate = spec.limits === undefined ? undefined : new RequestGate(spec.limits, deps.clock);
  await Promise.all(
    spec.selections.map((selection) =>
      reflect(selection, known.get(selection.kind) ?? new Map(), { ...deps, transport, gate }, outlet, signal),
    ),
  );
}
