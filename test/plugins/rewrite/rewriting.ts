import { buildAnswer, type Sections } from '../../../src/core/encode.ts';
import { type Handler } from '../../../src/core/handler.ts';
import type { Query } from '../../../src/core/query.ts';
import { className, FLAG, RCODE, rcodeCode, typeName } from '../../../src/dns/codes.ts';
import { type EdnsOption } from '../../../src/dns/message.ts';
import { rewritePlugin } from '../../../src/plugins/rewrite/index.ts';
import { ask } from '../../support/ask.ts';
import { type Built, build, type TestHost } from '../../support/env.ts';
import { recordOf } from '../../support/records.ts';

/** Records by section, as lines; those of a question that is not there do not exist. */
export type Zone = Readonly<Record<string, readonly string[]>>;

export interface Manner {
  readonly live?: boolean;
  readonly flags?: number;
  readonly bornMs?: number;
  readonly options?: readonly EdnsOption[];
}

/** What stands behind: says what the zone has for a question, `NAME TYPE`, and writes down what it was asked. */
export class Behind {
  readonly asked: string[] = [];
  readonly queries: Query[] = [];
  readonly #zone: Zone;
  readonly #manner: Manner;

  constructor(zone: Zone, manner: Manner = {}) {
    this.#zone = zone;
    this.#manner = manner;
  }

  readonly handler: Handler = (query) => {
    const question = `${query.text} ${typeName(query.type)}`;
    this.asked.push(query.class === 1 ? question : `${question} ${className(query.class)}`);
    this.queries.push(query);
    const { live = false, flags = FLAG.RA, bornMs = -1, options = [] } = this.#manner;
    const lines = this.#zone[question];
    const head = { flags, source: 'behind', live, options };
    if (lines === undefined) return buildAnswer(query, { ...head, rcode: RCODE.NXDOMAIN, authority: [recordOf(SOA)] });
    const [rcode = RCODE.NOERROR] = lines.flatMap((line) => rcodeCode(line) ?? []);
    return { ...buildAnswer(query, { ...head, rcode, ...sectionsOf(lines) }), bornMs };
  };
}

export const SOA = 'real.test. 30 IN SOA ns.real.test. host.real.test. 1 2 3 4 5';

export function sectionsOf(lines: readonly string[]): Sections {
  const of = (section: string): ReturnType<typeof recordOf>[] =>
    lines.filter((line) => line.startsWith(section)).map((line) => recordOf(line.slice(section.length)));
  return { answer: of('answer '), authority: of('authority '), additional: of('additional ') };
}

export function rewriting(rules: string, next: Handler, more: { host?: TestHost; resolve?: Handler } = {}): Built {
  return build(rewritePlugin, `. {\n${rules}\n}\n`, { next, ...more });
}

/** The answer of a rewritten question, after what was asked of the plugins behind; the answer section alone. */
export async function told(rules: string, zone: Zone, question: string): Promise<string> {
  const behind = new Behind(zone);
  const { handler } = rewriting(rules, behind.handler, { resolve: behind.handler });
  const text = await ask(handler, question);
  const [head = '', ...records] = text.replaceAll('answer ', '').split('\n');
  return [`${behind.asked.join(', ')} -> ${head}`, ...records].join('\n');
}

export const A = 'IN A 192.0.2.1';

export const zone: Zone = {
  'real.test. A': [`answer real.test. 30 ${A}`],
  'www.real.test. A': ['answer www.real.test. 60 IN CNAME Web.REAL.test.', `answer Web.REAL.test. 30 ${A}`],
  'real.test. SRV': [
    'answer real.test. 30 IN SRV 0 100 80 real.test.',
    'answer real.test. 30 IN SRV 0 100 80 a.real.test.',
    `additional a.real.test. 30 ${A}`,
  ],
  'real.test. MX': ['answer real.test. 30 IN MX 10 mail.real.test.', 'authority real.test. 30 IN NS ns.real.test.'],
  'real.test. TXT': ['answer real.test. 30 IN TXT real.test.'],
  'real.test. AAAA': [`authority ${SOA}`],
  'root. NS': ['answer . 30 IN NS ns.'],
  '1.2.0.192.in-addr.arpa. PTR': ['answer 1.2.0.192.in-addr.arpa. 30 IN PTR www.real.test.'],
};

export const aliases: Zone = {
  'www.test. A': [
    'answer www.test. 60 IN CNAME Cdn.test.',
    `answer Cdn.test. 30 ${A}`,
    'authority test. 9 IN NS ns.test.',
  ],
  'deep.test. A': [
    'answer deep.test. 60 IN CNAME www.test.',
    'answer www.test. 60 IN CNAME cdn.test.',
    `answer cdn.test. 30 ${A}`,
  ],
  'gone.test. A': ['NXDOMAIN', 'answer gone.test. 60 IN CNAME cdn.test.', `authority ${SOA}`],
  'own.test. A': ['answer own.test. 20 IN A 192.0.2.9'],
  'chain.test. A': ['answer chain.test. 20 IN CNAME own.test.', 'answer own.test. 20 IN A 192.0.2.9'],
  'bad.test. A': ['SERVFAIL'],
};
