import { TYPE } from '../../dns/codes.ts';
import type { Edns0Change } from './edns0.ts';
import type { NameChange, Renaming } from './name-change.ts';
import type { NameMatch } from './name-match.ts';

/** One `rewrite` of a Corefile. */
export interface Rule {
  /** When it applies, no rule after it is looked at. */
  readonly isLast: boolean;
  readonly change: Change;
}

/** Zone transfers are not rewritten: their answers are many messages. */
export function isTransfer(type: number): boolean {
  return type === TYPE.AXFR || type === TYPE.IXFR;
}

export type Change =
  | NameRule
  | { readonly what: 'type' | 'class'; readonly from: number; readonly to: number }
  | { readonly what: 'ttl'; readonly match: NameMatch; readonly least: number; readonly most: number }
  | { readonly what: 'rcode'; readonly match: NameMatch; readonly from: number; readonly to: number }
  /** Applies to every query, and shows in answers with such an alias. */
  | { readonly what: 'cname'; readonly target: NameChange }
  | ({ readonly what: 'edns0' } & Edns0Change);

export interface NameRule {
  readonly what: 'name';
  readonly change: NameChange;
  /** In the answer the new name becomes the old one again. */
  readonly isUndone: boolean;
  /** What else becomes of the names in the answer, done one after the other from the last to the first. */
  readonly renamings: readonly AnswerRenaming[];
}

export interface AnswerRenaming {
  /** The names of records, or those in their data. */
  readonly where: 'owners' | 'values' | 'both';
  readonly renaming: Renaming;
}

/** What is to be done with the answer to a question that rules have applied to. */
export type Step =
  | ({ readonly what: 'rename' } & AnswerRenaming)
  | { readonly what: 'ttl'; readonly least: number; readonly most: number }
  | { readonly what: 'rcode'; readonly from: number; readonly to: number }
  | { readonly what: 'cname'; readonly target: NameChange }
  /** The option `code` becomes what the client sent, `data`, or goes where it sent none. */
  | { readonly what: 'option'; readonly code: number; readonly data: Uint8Array | undefined };
