import { addressText, type Address } from './address.ts';
import type { Token } from './lexer.ts';
import { mistakeAt, type Mistake } from './mistake.ts';

/** An address at which a block listens. */
export interface Listener {
  readonly address: Address;
  /** What the block is bound to; the empty string when it is not bound. */
  readonly host: string;
  /** Whether a `view` decides which queries the block takes: such blocks may share an address. */
  readonly filtered: boolean;
}

/** The mistakes of listeners that would take each other's queries; `listeners` in file order. */
export function overlaps(listeners: readonly Listener[]): Mistake[] {
  const taken = new Map<string, Map<string, Listener>>();
  const mistakes: Mistake[] = [];
  const told = new Set<Token>();
  for (const listener of listeners) {
    const text = addressText(listener.address);
    const hosts = taken.get(text) ?? new Map<string, Listener>();
    const other = hosts.get(listener.host) ?? (listener.host === '' ? hosts.values().next().value : hosts.get(''));
    if (other === undefined) {
      if (!listener.filtered) taken.set(text, hosts.set(listener.host, listener));
      continue;
    }
    const { token } = listener.address;
    // A range that overlaps another does so in each of its zones.
    if (told.has(token)) continue;
    told.add(token);
    const problem =
      other.host === listener.host
        ? 'it is already defined'
        : `zone overlap listener capacity with ${text}${onHost(other.host)}`;
    const where = `see ${other.address.token.file}:${other.address.token.line}`;
    const message = `cannot serve ${text}${onHost(listener.host)} - ${problem}; ${where}`;
    mistakes.push(mistakeAt(token, message));
  }
  return mistakes;
}

function onHost(host: string): string {
  return host === '' ? '' : ` on ${host}`;
}
