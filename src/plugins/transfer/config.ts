import { isIP } from 'node:net';
import { type DirectiveCursor, type LineCursor, readEach } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { canonicalAddress } from '../../dns/ip.ts';
import { isWithin } from '../../dns/name.ts';

/** One directive: who may have which zones, and who is told when they change. */
export interface TransferRule {
  /** Keys. */
  readonly zones: readonly string[];
  /** Whether `*` is among the clients. */
  readonly everyone: boolean;
  readonly clients: readonly Secondary[];
  /** The address that NOTIFYs are sent from; '' leaves it to the system. */
  readonly source: string;
}

export interface Secondary {
  /** An IP address in canonical text. */
  readonly address: string;
  /** Where it takes NOTIFYs. */
  readonly port: number;
}

const DNS_PORT = 53;

/** Throws CorefileError. */
export function parseTransfer(directives: readonly Directive[], scope: BlockScope): TransferRule[] {
  const rules: TransferRule[] = [];
  readEach(directives, scope, (directive) => void rules.push(readRule(directive)));
  return rules;
}

function readRule(directive: DirectiveCursor): TransferRule {
  const zones = directive.zones();
  const clients: Secondary[] = [];
  let everyone = false;
  let source = '';
  directive.options(
    {
      to(option) {
        for (const word of option.args(1)) {
          if (word === '*') everyone = true;
          else clients.push(readSecondary(option, word));
        }
      },
      source(option) {
        const [word = ''] = option.args(1, 1);
        if (source !== '') throw option.parseError('source already specified');
        const address = canonicalAddress(word);
        if (address === undefined) throw option.parseError(`invalid source address ${JSON.stringify(word)}`);
        source = address;
      },
    },
    (option) => {
      throw option.parseError(`unknown property ${JSON.stringify(option.name)}`);
    },
  );
  if (!everyone && clients.length === 0) throw directive.parseError(`'to' is required`);
  return { zones, everyone, clients, source };
}

/** `10.0.0.1`, `10.0.0.1:5300`, `2001:db8::1`, `[2001:db8::1]:5300`. */
function readSecondary(option: LineCursor, word: string): Secondary {
  const [, bracketed, plain, portText] = /^(?:\[(.*)\]|([^:]*)):(\d{1,5})$/.exec(word) ?? [];
  const host = isIP(word) === 0 ? (bracketed ?? plain ?? word) : word;
  const port = host === word ? DNS_PORT : Number(portText);
  const address = canonicalAddress(host);
  if (address === undefined) throw option.error(`must specify an IP address: \`${host}'`);
  if (port < 1 || port > 65_535) throw option.error(`invalid port in ${JSON.stringify(word)}: a port is 1 to 65535`);
  return { address, port };
}

/** The rule with the longest zone that holds `key`, the first of equal ones. */
export function ruleFor(rules: readonly TransferRule[], key: string): TransferRule | undefined {
  let found: TransferRule | undefined;
  let longest = '';
  for (const rule of rules) {
    for (const zone of rule.zones) {
      if (zone.length <= longest.length || !isWithin(key, zone)) continue;
      found = rule;
      longest = zone;
    }
  }
  return found;
}
