import { type Peer, type Query } from '../../core/query.ts';
import type { Random } from '../../runtime/random.ts';

/** A name that only its maker knows, and whether a question for it came in. */
export interface Probe {
  /** A key. */
  readonly name: string;
  /** Who asked here for it last, and where. */
  peer: Peer | undefined;
}

/** The probes under way. */
export class Probes {
  readonly #random: Random;
  readonly #byName = new Map<string, Probe>();

  /** `random` must be a CSPRNG: who could guess a name could feign a loop (CVE-2026-26018). */
  constructor(random: Random) {
    this.#random = random;
  }

  /** A probe with two random numbers below 2^62 as labels under `zone`, a key. */
  begin(zone: string): Probe {
    const name = `${this.#number()}.${this.#number()}.${zone === '.' ? '' : zone}`;
    const probe: Probe = { name, peer: undefined };
    this.#byName.set(name, probe);
    return probe;
  }

  end({ name }: Probe): void {
    this.#byName.delete(name);
  }

  /** Whether the query asks for a probe under way, which is noted. */
  see(query: Query): boolean {
    if (this.#byName.size === 0) return false;
    const probe = this.#byName.get(query.key);
    if (probe === undefined) return false;
    probe.peer = query.peer;
    return true;
  }

  #number(): string {
    const half = (): bigint => BigInt(this.#random.below(2 ** 31));
    return String((half() << 31n) | half());
  }
}
