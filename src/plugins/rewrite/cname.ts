import type { Sections } from '../../core/encode.ts';
import { TYPE } from '../../dns/codes.ts';
import { absolute, keyOf } from '../../dns/name.ts';
import type { ResourceRecord } from '../../dns/record.ts';
import { changedName, type NameChange } from './name-change.ts';

/** Aliases up to one whose target becomes another one, which is still to be asked for. */
export interface Redirection {
  readonly aliases: readonly ResourceRecord[];
  readonly target: string;
}

/** What `change` makes of an answer: undefined where it is about none of its aliases. */
export function redirectionIn({ answer }: Required<Sections>, change: NameChange): Redirection | undefined {
  const aliases: ResourceRecord[] = [];
  for (const record of answer) {
    if (record.type !== TYPE.CNAME || record.data.shape !== 'name') continue;
    const key = keyOf(record.data.target);
    const target = absolute(changedName(change, key) ?? key);
    if (target !== key) return { aliases: [...aliases, { ...record, data: { ...record.data, target } }], target };
    aliases.push(record);
  }
  return undefined;
}
