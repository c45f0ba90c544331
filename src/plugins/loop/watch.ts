import { TYPE, FLAG } from '../../dns/codes.ts';
import { isWithin } from '../../dns/name.ts';
import { type Clock, pause } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { Client, Limits } from '../../upstream/client.ts';
import { endpointText } from '../../upstream/failure.ts';
import { requestFor } from '../../upstream/request.ts';
import type { UpstreamRoute } from '../../upstream/upstreams.ts';
import type { Probe, Probes } from './probes.ts';

export interface WatchParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly probes: Probes;
  /** The block's first zone: a key. */
  readonly zone: string;
  /** Asks this server where the block listens. */
  readonly self: Client;
  /** Where `self` asks, for people. */
  readonly listening: string;
  readonly routes: () => readonly UpstreamRoute[];
}

const REPLY_MS = 2000;
const RETRY_MS = 1000;
const START_MS = 30_000;
const RECHECK_MS = 10_000;

/**
 * Looks for servers that lead back here. First it asks this very server until the question comes through: from then on
 * what comes in is seen. Then each server is asked for a name of its own; one whose name comes in leads back, and is not
 * used until it answers without that. Those that have not answered yet, or lead back, are asked again from time to time.
 */
export class LoopWatch {
  readonly #parts: WatchParts;
  readonly #stopped = new AbortController();

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Resolves when nothing is left to look for; never rejects. */
  async run(): Promise<void> {
    const { clock, routes } = this.#parts;
    const { signal } = this.#stopped;
    if (!(await this.#comesThrough())) return;
    let open = routes();
    while (open.length > 0 && !signal.aborted) {
      const cleared = await Promise.all(open.map((route) => this.#isFree(route)));
      open = open.filter((_route, i) => cleared[i] !== true);
      if (open.length > 0) await pause(clock, RECHECK_MS, signal);
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#parts.self.close();
  }

  /** Whether a question to this server reaches the block, which it can not while its sockets are not open. */
  async #comesThrough(): Promise<boolean> {
    const { clock, log, self, zone, listening } = this.#parts;
    const { signal } = this.#stopped;
    const untilMs = clock.now() + START_MS;
    while (clock.now() < untilMs && !signal.aborted) {
      const { probe } = await this.#ask(zone, async (name, limits) => self.exchange(questionFor(name), limits));
      if (probe.peer !== undefined) return true;
      await pause(clock, RETRY_MS, signal);
    }
    if (!signal.aborted) {
      log.warning(`no question came through from ${listening} within 30s, so loops can not be found; ${WHY_SILENT}`);
    }
    return false;
  }

  /** Whether the server answered, and not by asking us. */
  async #isFree(route: UpstreamRoute): Promise<boolean> {
    const { log, zone } = this.#parts;
    const { server, transport } = route;
    const probeZone = isWithin(route.zone, zone) ? route.zone : zone;
    const { probe, answered } = await this.#ask(probeZone, async (name, limits) =>
      server.exchange(questionFor(name), transport, limits),
    );
    if (probe.peer !== undefined) {
      if (server.quarantine === undefined) log.error(loopText(probe, probeZone, route));
      server.quarantine = `upstream ${server.endpoint} (${server.origin}) leads back to this server`;
      return false;
    }
    if (!answered) return false;
    if (server.quarantine !== undefined) {
      log.info(`upstream ${server.endpoint} (${server.origin}) no longer leads back here and is used again`);
    }
    server.quarantine = undefined;
    return true;
  }

  async #ask(
    zone: string,
    exchange: (name: string, limits: Limits) => Promise<unknown>,
  ): Promise<{ readonly probe: Probe; readonly answered: boolean }> {
    const { clock, probes } = this.#parts;
    const probe = probes.begin(zone);
    const limits = { readMs: REPLY_MS, deadlineMs: clock.now() + REPLY_MS };
    const answered = await exchange(probe.name, limits).then(
      () => true,
      () => false,
    );
    probes.end(probe);
    return { probe, answered };
  }
}

const WHY_SILENT = `is an address of the block out of reach, or does a plugin before 'loop' answer everything?`;

function questionFor(name: string): ReturnType<typeof requestFor> {
  return requestFor(name, TYPE.HINFO, FLAG.RD);
}

/** The reference's line, and what to do. */
function loopText({ name, peer }: Probe, zone: string, { server }: UpstreamRoute): string {
  const client = peer === undefined ? '' : endpointText(peer.address, peer.port);
  const here = peer?.server.replace(/^\w+:\/\//, '') ?? '';
  return (
    `Loop (${client} -> ${here}) detected for zone "${zone}", see https://coredns.io/plugins/loop#troubleshooting. ` +
    `Query: "HINFO ${name}". Upstream ${server.endpoint} (${server.origin}) leads back to this server: it is not used, and ` +
    `names that only it could resolve are SERVFAIL, until it answers by itself. Put the address of another resolver there; ` +
    `with systemd-resolved write 'forward . /run/systemd/resolve/resolv.conf'`
  );
}
