import { TYPE } from '../../../src/dns/codes.ts';
import { parseMessage } from '../../../src/dns/message.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { exchangeUdp, questionWire } from '../../support/dns-client.ts';
import { COLLECTIONS } from '../../support/static-api.ts';
import { untilConfirmed } from '../synced.ts';
import type { SerialEventCase } from './case-file.ts';
import { changes, cluster } from './cluster-changes.ts';
import { compared, differs, type Outcome, refused } from './outcome.ts';
import type { Served, Surroundings } from './surroundings.ts';

/** Changes in a watched cluster, one after the other, and which SOA serials move. */
export async function* runSerialEvents(
  cases: readonly SerialEventCase[],
  surroundings: Surroundings,
): AsyncGenerator<[SerialEventCase, Outcome]> {
  const hasExternal = surroundings.has('k8s_external');
  const external = hasExternal ? 'k8s_external ext.test\n' : '';
  const corefile = `.:<port> {\nkubernetes cluster.local {\nendpoint <api-url>\npods verified\n}\n${external}}\n`;
  const clock = new LeapingClock();
  try {
    await using served = await surroundings.serve({ corefile, objects: cluster, clock });
    for (const one of cases) yield [one, await run(one, served, clock, hasExternal)];
  } catch (error) {
    for (const one of cases) yield [one, refused(error)];
  }
}

async function run(one: SerialEventCase, served: Served, clock: LeapingClock, hasExternal: boolean): Promise<Outcome> {
  const change = changes[one.event];
  if (change === undefined) return differs(`  ${one.event}: no such event is known here`);
  const zones = ['cluster.local.', ...(hasExternal ? ['ext.test.'] : [])];
  const before = await Promise.all(zones.map((zone) => serialOf(zone, served)));
  clock.leap();
  served.api.push(...change);
  served.api.bookmark(change[0]);
  await untilConfirmed(served.server, COLLECTIONS[change[0]].kind, LEAP_MS / 2000);
  const after = await Promise.all(zones.map((zone) => serialOf(zone, served)));
  const expected = [one.clusterZoneSerialBumps, one.k8sExternalSerialBumps].slice(0, zones.length);
  return compared(
    { event: one.event, moves: expected },
    { event: one.event, moves: zones.map((_, i) => before[i] !== after[i]) },
  );
}

async function serialOf(zone: string, { server }: Served): Promise<number | undefined> {
  const reply = await exchangeUdp(server.port, questionWire({ name: zone, type: TYPE.SOA }));
  const data = reply === undefined ? undefined : parseMessage(reply).answer[0]?.data;
  return data?.shape === 'soa' ? data.serial : undefined;
}

const LEAP_MS = 3_600_000;

/** Real time, but for an hour that passes now and then; timers notice nothing of it. */
class LeapingClock implements Clock {
  #leapt = 0;

  leap(): void {
    this.#leapt += LEAP_MS;
  }

  now(): number {
    return systemClock.now() + this.#leapt;
  }

  wall(): number {
    return systemClock.wall() + this.#leapt;
  }

  after(...args: Parameters<Clock['after']>): ReturnType<Clock['after']> {
    return systemClock.after(...args);
  }
}
