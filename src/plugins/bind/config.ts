import { isIP } from 'node:net';
import { type DirectiveCursor, type LineCursor, readEach } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';

/** Gives the host's interfaces with their addresses, as `os.networkInterfaces` does; may throw. */
export type ListInterfaces = () => Readonly<Record<string, readonly InterfaceAddress[] | undefined>>;

export interface InterfaceAddress {
  readonly address: string;
}

/** The addresses that a block's directives name, in order. Throws CorefileError. */
export function parseBind(directives: readonly Directive[], scope: BlockScope, interfaces: ListInterfaces): string[] {
  const addresses: string[] = [];
  readEach(directives, scope, (directive) => addresses.push(...readBind(directive, interfaces)));
  return addresses;
}

function readBind(directive: DirectiveCursor, interfaces: ListInterfaces): string[] {
  const words = directive.args();
  if (words.length === 0) throw directive.error('at least one address or interface name is expected');
  const bound = words.flatMap((word) => addressesOf(directive, word, interfaces));
  const excepted: string[] = [];
  directive.options(
    {
      except(option) {
        const words = option.args();
        if (words.length === 0) {
          throw option.error('at least one address or interface must be given to except subdirective');
        }
        excepted.push(...words.flatMap((word) => addressesOf(option, word, interfaces)));
      },
    },
    (option) => {
      throw option.error(`invalid option ${JSON.stringify(option.name)}`);
    },
  );
  const left = bound.filter((address) => !excepted.includes(address));
  if (left.length === 0) throw directive.error(`'except' leaves no address to listen on`);
  return left;
}

function addressesOf(line: LineCursor, word: string, interfaces: ListInterfaces): string[] {
  if (isIP(word) !== 0) return [word];
  const addresses = interfaceAddresses(line, word, interfaces);
  if (addresses === undefined) {
    throw line.error(`not a valid IP address or interface name: ${JSON.stringify(word)}`);
  }
  return addresses.map(({ address }) => scoped(address, word));
}

function interfaceAddresses(
  line: LineCursor,
  name: string,
  interfaces: ListInterfaces,
): readonly InterfaceAddress[] | undefined {
  try {
    const all = interfaces();
    return Object.hasOwn(all, name) ? all[name] : undefined;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw line.error(`failed to get interfaces list, cannot bind by interface name: ${cause}`);
  }
}

/** A link-local IPv6 address (fe80::/10) means nothing without its interface. */
function scoped(address: string, name: string): string {
  return /^fe[89ab]/i.test(address) && !address.includes('%') ? `${address}%${name}` : address;
}
