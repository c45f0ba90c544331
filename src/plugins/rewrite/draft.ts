import { QueryError } from '../../core/handler.ts';
import { optionsOf, rephrase } from '../../core/inner-query.ts';
import { Query } from '../../core/query.ts';
import { RCODE } from '../../dns/codes.ts';
import type { EdnsOption } from '../../dns/message.ts';
import { isName } from '../../dns/name.ts';
import { changedOptions, type Edns0Change } from './edns0.ts';
import { changedName, moveTree } from './name-change.ts';
import { matches, type NameMatch } from './name-match.ts';
import type { Change, NameRule, Step } from './rule.ts';
import { WrittenName } from './written-name.ts';

/** A label's value for a query; undefined where it has none. */
export type LabelOf = (query: Query, label: string) => string | undefined;

/** A question as the rules have left it, and what they want done with the answer. */
export interface Rewritten {
  /** The client's own query where the question stays as it is. */
  readonly asked: Query;
  /** In the order of the rules; to be done in the reverse. */
  readonly steps: readonly Step[];
}

/**
 * A question while rules are applied to it. One object serves all queries, one after the other, since that is done at once;
 * until a rule applies nothing is allocated.
 */
export class Draft {
  readonly #labelOf: LabelOf;
  readonly #written = new WrittenName();
  #isWritten = false;
  #query = new Query();
  /** In lower case; '' while it is the client's. */
  #name = '';
  #type = 0;
  #class = 0;
  #options: readonly EdnsOption[] | undefined;
  #steps: Step[] = [];

  constructor(labelOf: LabelOf) {
    this.#labelOf = labelOf;
  }

  begin(query: Query): void {
    this.#query = query;
    this.#isWritten = false;
    this.#name = '';
    this.#type = query.type;
    this.#class = query.class;
    this.#options = undefined;
    if (this.#steps.length > 0) this.#steps = [];
  }

  /** Applies a rule if it is about the question. Throws QueryError where that leads to a name that is none. */
  apply(change: Change): boolean {
    switch (change.what) {
      case 'name':
        return this.#matches(change.change) && this.#rename(change);
      case 'type':
        if (this.#type !== change.from) return false;
        this.#type = change.to;
        return true;
      case 'class':
        if (this.#class !== change.from) return false;
        this.#class = change.to;
        return true;
      case 'ttl':
      case 'rcode':
        return this.#matches(change.match) && this.#then(change);
      case 'cname':
        return this.#then(change);
      case 'edns0':
        return this.#changeOption(change);
      default:
        return change satisfies never;
    }
  }

  /** Undefined where no rule has changed anything. Throws FormatError for a packet whose options can not be read. */
  get result(): Rewritten | undefined {
    const query = this.#query;
    const isChanged = this.#name !== '' || this.#type !== query.type || this.#class !== query.class;
    if (!isChanged && this.#options === undefined && this.#steps.length === 0) return undefined;
    const wording = { name: this.#text, type: this.#type, class: this.#class };
    const options = this.#options && { options: this.#options };
    const asked = isChanged || options !== undefined ? rephrase(query, { ...wording, ...options }) : query;
    return { asked, steps: this.#steps };
  }

  /** In the client's letters while it is the client's. */
  get #text(): string {
    return this.#name === '' ? this.#query.text : this.#name;
  }

  get #key(): string {
    return this.#name === '' ? this.#query.key : this.#name;
  }

  #matches(match: NameMatch): boolean {
    if (!this.#isWritten) {
      if (this.#name === '') this.#written.takeFrom(this.#query);
      else this.#written.take(this.#name);
      this.#isWritten = true;
    }
    return matches(match, this.#written);
  }

  #then(step: Step): boolean {
    this.#steps.push(step);
    return true;
  }

  #rename({ change, isUndone, renamings }: NameRule): boolean {
    const before = this.#key;
    const name = changedName(change, before, (label) => this.#labelOf(this.#query, label));
    if (name === undefined) return false;
    if (!isName(name)) throw new QueryError(RCODE.SERVFAIL, `invalid name after rewrite: ${name}`);
    this.#name = name;
    this.#isWritten = false;
    if (isUndone) this.#steps.push({ what: 'rename', where: 'both', renaming: moveTree(name, before) });
    for (const renaming of renamings) this.#steps.push({ what: 'rename', ...renaming });
    return true;
  }

  #changeOption(change: Edns0Change): boolean {
    const before = this.#options ?? optionsOf(this.#query);
    const changed = changedOptions(change, before, {
      query: this.#query,
      name: () => this.#text,
      type: this.#type,
      valueOf: (label) => this.#labelOf(this.#query, label),
    });
    if (changed === undefined) return false;
    if (changed.options !== before) this.#options = changed.options;
    if (change.action !== 'unset' && change.revert) {
      this.#steps.push({ what: 'option', code: change.code, data: changed.before });
    }
    return true;
  }
}
