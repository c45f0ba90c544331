import { RCODE, rcodeName, TYPE, typeName } from '../../src/dns/codes.ts';
import type { ResourceRecord } from '../../src/dns/record.ts';
import { rdataText } from '../../src/dns/text.ts';

/** What an answer is made of, as far as the oracle speaks of it. */
export interface Told {
  readonly rcode: number;
  readonly answer: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

/** An answer in the words of the oracle: `NOERROR | record | record ...`, sorted, or the rcode. */
export function bookText({ rcode, answer, additional }: Told): string {
  if (rcode !== RCODE.NOERROR) return rcodeName(rcode);
  const records = [
    ...answer.map(({ type, data }) =>
      type === TYPE.SOA ? 'answer SOA' : `answer ${typeName(type)} ${rdataText(data)}`,
    ),
    ...additional.map(({ name, type, data }) => `additional ${typeName(type)} ${name} ${rdataText(data)}`),
  ];
  return ['NOERROR', ...records.sort()].join(' | ');
}
