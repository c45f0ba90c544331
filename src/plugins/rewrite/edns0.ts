import type { Query } from '../../core/query.ts';
import { addressToBytes } from '../../dns/ip.ts';
import type { EdnsOption } from '../../dns/message.ts';

/** What becomes of an EDNS option of the query. */
export type Edns0Change = {
  readonly code: number;
  /** Whether the client may see the option in the reply: one that the Corefile names by its number. */
  readonly isLocal: boolean;
} & (
  | { readonly action: 'unset' }
  | {
      /** Where it is there: `replace` and `set`; where it is not: `append` and `set`. */
      readonly action: 'set' | 'replace' | 'append';
      readonly data: OptionData;
      /** The client is not to see it. */
      readonly revert: boolean;
    }
);

export type OptionData =
  | { readonly from: 'bytes'; readonly bytes: Uint8Array }
  | { readonly from: 'query'; readonly variable: Variable }
  | { readonly from: 'metadata'; readonly label: string }
  /** The client's network (RFC 7871): so many bits of its address. */
  | { readonly from: 'subnet'; readonly bits4: number; readonly bits6: number };

export const VARIABLES = [
  'qname',
  'qtype',
  'client_ip',
  'client_port',
  'protocol',
  'server_ip',
  'server_port',
] as const;
export type Variable = (typeof VARIABLES)[number];

/** The question so far, for data that is taken from it. */
export interface OptionSource {
  readonly query: Query;
  readonly name: () => string;
  readonly type: number;
  readonly valueOf: (label: string) => string | undefined;
}

/** What a change makes of some options: other ones, or the same where it has nothing to do. */
export interface Changed {
  readonly options: readonly EdnsOption[];
  /** What the option was before, where it was there. */
  readonly before: Uint8Array | undefined;
}

/** Undefined where the change does not apply: the option is there or not, or there is no value for it. */
export function changedOptions(
  change: Edns0Change,
  options: readonly EdnsOption[],
  source: OptionSource,
): Changed | undefined {
  const { code } = change;
  const index = options.findIndex((option) => option.code === code);
  const before = options[index]?.data;
  if (change.action === 'unset') {
    return { options: index >= 0 ? options.filter((option) => option.code !== code) : options, before };
  }
  if (change.action === (index >= 0 ? 'append' : 'replace')) return undefined;
  const data = dataOf(change.data, source);
  if (data === undefined) return undefined;
  const option = { code, data };
  return { options: index >= 0 ? options.with(index, option) : [...options, option], before };
}

function dataOf(data: OptionData, source: OptionSource): Uint8Array | undefined {
  switch (data.from) {
    case 'bytes':
      return data.bytes;
    case 'query':
      return valueOf(data.variable, source);
    case 'metadata': {
      const value = source.valueOf(data.label);
      return value === undefined || value === '' ? undefined : Buffer.from(value);
    }
    case 'subnet':
      return subnetOf(source.query, data.bits4, data.bits6);
    default:
      return data satisfies never;
  }
}

function valueOf(variable: Variable, { query, name, type }: OptionSource): Uint8Array | undefined {
  const { peer } = query;
  switch (variable) {
    case 'qname':
      return Buffer.from(name());
    case 'qtype':
      return word(type);
    case 'client_ip':
      return addressOf(peer.address, peer.family);
    case 'client_port':
      return word(peer.port);
    case 'protocol':
      return Buffer.from(peer.transport);
    case 'server_ip':
      return addressOf(peer.localAddress, peer.family);
    case 'server_port':
      return word(peer.localPort);
    default:
      return variable satisfies never;
  }
}

/** A socket for both families may not know which of its addresses was asked: then there is none. */
function addressOf(text: string, family: 4 | 6): Uint8Array | undefined {
  const bytes = addressToBytes(text);
  return bytes?.length === (family === 4 ? 4 : 16) ? bytes : undefined;
}

function word(value: number): Uint8Array {
  return Buffer.of(value >> 8, value & 0xff);
}

function subnetOf({ peer }: Query, bits4: number, bits6: number): Uint8Array | undefined {
  const address = addressToBytes(peer.address);
  if (address === undefined) return undefined;
  const [family, bits] = address.length === 4 ? [1, bits4] : [2, bits6];
  const network = address.slice(0, Math.ceil(bits / 8));
  const last = network.length - 1;
  // The bits of the last byte beyond the network.
  if (last >= 0) network[last] = (network[last] ?? 0) & (0xff << (8 * network.length - bits));
  return Buffer.concat([word(family), Buffer.of(bits, 0), network]);
}
