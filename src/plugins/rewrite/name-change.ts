import { below, isWithin, keyOf } from '../../dns/name.ts';
import type { Pattern } from '../../corefile/pattern.ts';
import type { LiteralMatch, PatternMatch } from './name-match.ts';

/** Which names become other ones, and which. */
export type NameChange =
  | (LiteralMatch & { readonly to: string })
  /** Whatever of a name the pattern matches, all of it is replaced. */
  | (PatternMatch & { readonly to: Replacement });

/** What takes the place of a name: texts, groups of the pattern, labels of the query's metadata. */
export type Replacement = readonly Part[];

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'group'; readonly index: number }
  | { readonly kind: 'label'; readonly label: string };

/** A label's value; undefined where it has none. */
export type LabelValue = (label: string) => string | undefined;

const noLabels: LabelValue = () => undefined;

/** The new name for `key`; undefined where the change is not about it, or a label that it needs has no value. */
export function changedName(change: NameChange, key: string, valueOf = noLabels): string | undefined {
  switch (change.kind) {
    case 'exact':
      return key === change.text ? change.to : undefined;
    case 'prefix':
      return key.startsWith(change.text) ? change.to + key.slice(change.text.length) : undefined;
    case 'suffix':
      return key.endsWith(change.text) ? key.slice(0, key.length - change.text.length) + change.to : undefined;
    case 'substring':
      return key.includes(change.text) ? key.replaceAll(change.text, () => change.to) : undefined;
    case 'regex':
      return replaced(change.pattern, change.to, key, valueOf);
    default:
      return change satisfies never;
  }
}

function replaced(pattern: Pattern, to: Replacement, name: string, valueOf: LabelValue): string | undefined {
  const groups = pattern.find(name);
  if (groups === undefined) return undefined;
  let text = '';
  for (const part of to) {
    switch (part.kind) {
      case 'text':
        text += part.text;
        break;
      case 'group':
        text += groups[part.index] ?? '';
        break;
      case 'label': {
        const value = valueOf(part.label);
        if (value === undefined || value === '') return undefined;
        text += keyOf(value);
        break;
      }
      default:
        part satisfies never;
    }
  }
  return text;
}

/** How names in an answer change: each, in any letters, to itself or another one. Names that are compared are keys. */
export type Renaming = (name: string) => string;

/** `from` becomes `to`, and names below `from` go below `to`; below the root is everything, so that all else stays. */
export function moveTree(from: string, to: string): Renaming {
  return (name) => {
    const key = keyOf(name);
    if (key === from) return to;
    return from !== '.' && isWithin(key, from) ? below(name.slice(0, -from.length - 1), to) : name;
  };
}

/** Names that end in `from` end in `to`, but for those that would have an empty label then. */
export function swapSuffix(from: string, to: string): Renaming {
  return (name) => {
    if (!keyOf(name).endsWith(from)) return name;
    const swapped = name.slice(0, name.length - from.length) + to;
    return /^\..|\.\./.test(swapped) ? name : swapped;
  };
}

export function renameBy(pattern: Pattern, to: Replacement): Renaming {
  return (name) => replaced(pattern, to, name, noLabels) ?? name;
}
