import { keyOf } from '../../dns/name.ts';
import type { Part, Replacement } from './name-change.ts';

/** The text that takes a name's place, as a Corefile writes it: `{1}.{kubernetes/client-namespace}.svc.cluster.local`. */

const PLACEHOLDER = /\{([^{}]*)\}/g;
const GROUP = /^(0|[1-9]\d*)$/;

/** What a placeholder that is no group of the pattern would have to be: `PLUGIN/LABEL`. */
export function isLabel(text: string): boolean {
  const slash = text.indexOf('/');
  return slash > 0 && slash < text.length - 1;
}

/** `text` with the groups that the pattern has in their places; all else is as it stands, in lower case. */
export function readReplacement(text: string, groups: number): Replacement {
  return partsOf(text, (name) =>
    GROUP.test(name) && Number(name) <= groups ? { kind: 'group', index: Number(name) } : undefined,
  );
}

/** The placeholders of `text` that stay as they are. */
export function leftOver(text: string, groups: number): readonly string[] {
  const names = Array.from(text.matchAll(PLACEHOLDER), ([, name = '']) => name);
  return names.filter((name) => isLabel(name) || (GROUP.test(name) && Number(name) > groups));
}

/** How many different groups `text` names, as the reference counts them. */
export function groupsUsed(text: string): number {
  const names = Array.from(text.matchAll(PLACEHOLDER), ([, name = '']) => name);
  return new Set(names.filter((name) => GROUP.test(name) && Number(name) <= 100)).size;
}

/** Like `readReplacement`, where placeholders may be labels, and are nothing else. `fail` makes an error of a problem. */
export function readReplacementWithLabels(text: string, groups: number, fail: (problem: string) => Error): Replacement {
  const parts = partsOf(text, (name) => {
    if (/^[+-]?\d+$/.test(name)) {
      const index = Number(name);
      if (index >= 0 && index <= groups) return { kind: 'group', index };
      throw fail(`capture group ${name} does not exist in name matching pattern`);
    }
    if (isLabel(name)) return { kind: 'label', label: name };
    throw fail(`invalid metadata label ${JSON.stringify(name)} in name replacement`);
  });
  for (const part of parts) {
    if (part.kind !== 'text') continue;
    if (part.text.includes('{')) throw fail('unclosed placeholder in metadata name replacement');
    if (part.text.includes('}')) throw fail('unmatched closing brace in metadata name replacement');
  }
  return parts;
}

function partsOf(text: string, partFor: (name: string) => Part | undefined): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: whole, 1: name = '', index } of text.matchAll(PLACEHOLDER)) {
    const part = partFor(name);
    if (part === undefined) continue;
    if (index > end) parts.push({ kind: 'text', text: keyOf(text.slice(end, index)) });
    parts.push(part);
    end = index + whole.length;
  }
  if (end < text.length) parts.push({ kind: 'text', text: keyOf(text.slice(end)) });
  return parts;
}
