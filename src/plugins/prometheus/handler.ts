import type { Answer } from '../../core/answer.ts';
import type { Handler, Outcome } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { type QueryInstruments, QueryMeter } from '../../core/query-metrics.ts';
import { type ZoneName, ZoneSet } from '../../core/zone-name.ts';

export interface MeterParts {
  readonly instruments: QueryInstruments;
  /** The zones of the block, one at least. */
  readonly zones: readonly string[];
  /** The server's clock, in milliseconds. */
  readonly now: () => number;
}

/** Counts every query and what came of it, under the longest zone of the block that covers it. */
export function meteredHandler({ instruments, zones, now }: MeterParts, next: Handler): Handler {
  const meters = new BlockMeters(instruments, zones);

  return (query): Outcome => {
    const startMs = now();
    const meter = meters.of(query);
    const requestBytes = query.wire.length;
    let outcome: Outcome;
    try {
      outcome = next(query);
    } catch (error) {
      meter.failed(query, requestBytes, error, (now() - startMs) / 1000);
      throw error;
    }
    if (outcome instanceof Promise) return later(query, outcome, meter, requestBytes, startMs);
    meter.answered(query, requestBytes, outcome, (now() - startMs) / 1000);
    return outcome;
  };

  async function later(
    query: Query,
    outcome: Promise<Answer>,
    meter: QueryMeter,
    requestBytes: number,
    startMs: number,
  ): Promise<Answer> {
    try {
      const answer = await outcome;
      meter.answered(query, requestBytes, answer, (now() - startMs) / 1000);
      return answer;
    } catch (error) {
      meter.failed(query, requestBytes, error, (now() - startMs) / 1000);
      throw error;
    }
  }
}

interface ZoneMeters {
  readonly name: ZoneName;
  readonly byServer: Map<string, QueryMeter>;
}

/** The meters of a block, one for each of its zones on each listener, made when they are first needed. */
class BlockMeters {
  readonly #instruments: QueryInstruments;
  /** Longest first. */
  readonly #zones: readonly ZoneMeters[];

  constructor(instruments: QueryInstruments, zones: readonly string[]) {
    this.#instruments = instruments;
    this.#zones = new ZoneSet(zones).zones.map((name) => ({ name, byServer: new Map() }));
  }

  of(query: Query): QueryMeter {
    const { server } = query.peer;
    const zone = this.#zoneOf(query);
    return zone.byServer.get(server) ?? this.#add(zone, server);
  }

  /** The last zone takes what is left: a query comes to the block because one of its zones covers it. */
  #zoneOf(query: Query): ZoneMeters {
    const zones = this.#zones;
    const last = zones.length - 1;
    let at = 0;
    while (at < last && zones[at]?.name.covers(query) === false) at++;
    const zone = zones[at];
    if (zone === undefined) throw new Error('a server block without zones');
    return zone;
  }

  #add({ name, byServer }: ZoneMeters, server: string): QueryMeter {
    const meter = new QueryMeter(this.#instruments, { server, zone: name.key, view: '' });
    byServer.set(server, meter);
    return meter;
  }
}
