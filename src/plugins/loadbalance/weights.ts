import { isIP } from 'node:net';
import { canonicalAddress } from '../../dns/ip.ts';
import { absolute, keyOf } from '../../dns/name.ts';
import type { ResourceRecord } from '../../dns/record.ts';
import type { Random } from '../../runtime/random.ts';

const DEFAULT_WEIGHT = 1;
const MAX_WEIGHT = 255;

/** How often an address of a name is to be the first one, in proportion to the others. */
export class Weights {
  /** By the owner's key, then by the address. */
  readonly #byName: ReadonlyMap<string, ReadonlyMap<string, number>>;

  constructor(byName: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map()) {
    this.#byName = byName;
  }

  /** `addresses`, not empty, with a chosen one in the place of the first. */
  lifted(addresses: readonly ResourceRecord[], random: Random): ResourceRecord[] {
    const weights = addresses.map((record) => this.#of(record));
    let drawn = random.below(weights.reduce((sum, weight) => sum + weight, 0));
    const chosen = weights.findIndex((weight) => (drawn -= weight) < 0);
    const lifted = [...addresses];
    const [first] = addresses;
    const top = addresses[chosen];
    if (first !== undefined && top !== undefined) {
      lifted[0] = top;
      lifted[chosen] = first;
    }
    return lifted;
  }

  #of({ name, data }: ResourceRecord): number {
    if (data.shape !== 'address') return DEFAULT_WEIGHT;
    return this.#byName.get(keyOf(name))?.get(data.address) ?? DEFAULT_WEIGHT;
  }
}

/**
 * Reads a weight file: a line with a domain name, then lines `ADDRESS WEIGHT` for it; blank lines and lines that begin
 * with `#` do not count. `file` is for messages. Throws an Error in the reference's words.
 */
export function parseWeights(text: string, file: string): Weights {
  const byName = new Map<string, Map<string, number>>();
  let current: Map<string, number> | undefined;
  for (const line of text.split('\n').map((line) => line.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const [first = '', second, ...others] = line.split(/\s+/);
    if (others.length > 0) throw new Error(`could not parse weight line:"${line}" in weight file ${file}`);
    if (second === undefined) {
      current = ofName(byName, first, file);
    } else {
      const address = canonicalAddress(first);
      if (address === undefined) throw new Error(`wrong IP address:"${first}" in weight file ${file}`);
      const weight = parseWeight(second, file);
      if (current === undefined) throw new Error(`missing domain name in weight file ${file}`);
      // Of two weights of one address the first counts.
      if (!current.has(address)) current.set(address, weight);
    }
  }
  return new Weights(byName);
}

function ofName(byName: Map<string, Map<string, number>>, name: string, file: string): Map<string, number> {
  if (isIP(name) !== 0) {
    throw new Error(`wrong domain name:"${name}" in weight file ${file}. (Maybe a missing weight value?)`);
  }
  const key = keyOf(absolute(name));
  const weights = byName.get(key) ?? new Map<string, number>();
  byName.set(key, weights);
  return weights;
}

function parseWeight(word: string, file: string): number {
  const weight = /^\d+$/.test(word) ? Number(word) : 0;
  if (weight === 0 || weight > MAX_WEIGHT) throw new Error(`wrong weight value:"${word}" in weight file ${file}`);
  return weight;
}
