import type { LineCursor } from '../../corefile/cursor.ts';
import { GoValueError, parseGoUint16 } from '../../corefile/go-values.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { OPTION } from '../../dns/codes.ts';
import { type Edns0Change, type OptionData, VARIABLES } from './edns0.ts';
import { isLabel } from './replacement-text.ts';

type Action = Exclude<Edns0Change['action'], 'unset'>;
const ACTIONS: readonly Action[] = ['set', 'replace', 'append'];
const KINDS = ['local', 'nsid', 'subnet'] as const;
type Kind = (typeof KINDS)[number];

/** `edns0 local|nsid|subnet set|replace|append|unset ...` */
export function readEdns0(words: LineCursor, scope: BlockScope): Edns0Change {
  if (words.left < 2) throw words.error('too few arguments for an EDNS0 rule');
  const [kindWord, actionWord] = [words.arg().toLowerCase(), words.arg().toLowerCase()];
  const action = ACTIONS.find((one) => one === actionWord);
  if (action === undefined && actionWord !== 'unset')
    throw words.error(`invalid action: ${JSON.stringify(actionWord)}`);
  const kind = KINDS.find((one) => one === kindWord);
  if (kind === undefined) throw words.error(`invalid rule type ${JSON.stringify(kindWord)}`);
  return action === undefined ? readUnset(words, kind) : readChange(words, kind, action, scope);
}

function readUnset(words: LineCursor, kind: Kind): Edns0Change {
  const wanted = kind === 'local' ? 1 : 0;
  if (words.left !== wanted) {
    throw words.error(`${kind} unset action requires exactly ${wanted === 1 ? 'two arguments' : 'one argument'}`);
  }
  const code = kind === 'local' ? uint16(words, words.arg()) : codeOf(kind);
  return { action: 'unset', code, isLocal: kind === 'local' };
}

function codeOf(kind: 'nsid' | 'subnet'): number {
  return kind === 'nsid' ? OPTION.NSID : OPTION.SUBNET;
}

function readChange(words: LineCursor, kind: Kind, action: Action, scope: BlockScope): Edns0Change {
  const rest = words.args();
  const revert = rest.at(-1) === 'revert';
  if (revert) rest.pop();
  const [first = '', second = ''] = rest;
  switch (kind) {
    case 'local':
      if (rest.length !== 2) throw words.error('EDNS0 local rules require three or four args');
      return { action, code: uint16(words, first), isLocal: true, revert, data: readData(words, second, scope) };
    case 'nsid':
      if (rest.length > 0) throw words.error('EDNS0 NSID rules can accept no more than one arg');
      return { action, code: codeOf(kind), isLocal: false, revert, data: { from: 'bytes', bytes: Buffer.of() } };
    case 'subnet': {
      if (rest.length !== 2) throw words.error('EDNS0 subnet rules require three or four args');
      const bits4 = readBits(words, first, 'IPv4', 32);
      const bits6 = readBits(words, second, 'IPv6', 128);
      return { action, code: codeOf(kind), isLocal: false, revert, data: { from: 'subnet', bits4, bits6 } };
    }
    default:
      return kind satisfies never;
  }
}

function readBits(words: LineCursor, text: string, family: string, most: number): number {
  const bits = uint16(words, text);
  if (bits > most) throw words.error(`invalid ${family} bit mask length ${bits}`);
  return bits;
}

function uint16(words: LineCursor, text: string): number {
  try {
    return parseGoUint16(text);
  } catch (error) {
    if (error instanceof GoValueError) throw words.error(error.message);
    throw error;
  }
}

/** A text, bytes in hex behind `0x`, or what a variable or a label in braces stands for. */
function readData(words: LineCursor, text: string, scope: BlockScope): OptionData {
  if (text.startsWith('{') && text.endsWith('}')) return readVariable(words, text, scope);
  if (!text.startsWith('0x')) return { from: 'bytes', bytes: Buffer.from(text) };
  const [odd] = /[^0-9a-f]/i.exec(text.slice(2)) ?? [];
  if (odd !== undefined) throw words.error(`encoding/hex: invalid byte: ${codePoint(odd)} '${odd}'`);
  if (text.length % 2 !== 0) throw words.error('encoding/hex: odd length hex string');
  return { from: 'bytes', bytes: Buffer.from(text.slice(2), 'hex') };
}

function codePoint(char: string): string {
  return `U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function readVariable(words: LineCursor, text: string, scope: BlockScope): OptionData {
  const name = text.slice(1, -1);
  const variable = VARIABLES.find((one) => one === name);
  if (variable !== undefined) return { from: 'query', variable };
  if (!isLabel(name)) throw words.error(`unsupported variable name ${JSON.stringify(text)}`);
  if (!scope.plugins.has('metadata')) {
    words.warn(`${text} has no value as long as this server block has no 'metadata'; add that line to it`);
  }
  return { from: 'metadata', label: name };
}
