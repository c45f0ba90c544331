import { RCODE, rcodeName, TYPE, typeCode, typeName } from '../../src/dns/codes.ts';
import { type Message, parseMessage } from '../../src/dns/message.ts';
import { rdataText } from '../../src/dns/text.ts';
import { type Book, type Objects, openBook, type Options } from '../oracle/oracle.ts';
import { exchangeUdp, questionWire } from '../support/dns-client.ts';
import type { AnyObject, Hand } from './hand.ts';
import type { Questions } from './questions.ts';
import type { Setup } from './setups.ts';

/** A server under observation. */
export interface Observed extends Pick<Setup, 'name' | 'asks' | 'hears'> {
  readonly port: number;
}

/** What became of a server after a step. */
export interface Finding {
  /** From the moment when the cluster was seen at rest to the first round of questions that were all answered right. */
  readonly rightAfterMs: number;
  /** What was still wrong at the end; undefined where all was right. */
  readonly wrong: string | undefined;
}

const unasked: Finding = { rightAfterMs: NaN, wrong: 'nothing was asked' };

/** As the servers are configured. */
const options: Options = {
  pods: 'verified',
  namespaces: [],
  endpointPodNames: false,
  ignoreEmpty: false,
  zonal: false,
};

export interface Observation {
  readonly hand: Hand;
  readonly questions: Questions;
  readonly step: number;
  /** It ends when the cluster has not changed for so long and all is right, */
  readonly quietMs: number;
  /** or when something is still wrong after so long without a change. */
  readonly patienceMs: number;
}

/**
 * Asks the servers again and again. What is right is what the oracle says of the objects as the API server lists them; they are
 * listed anew before each round, so that one in which something changed is void.
 */
export async function observe(servers: readonly Observed[], how: Observation): Promise<readonly Finding[]> {
  const { hand, questions, step, quietMs, patienceMs } = how;
  let restingSince = 0;
  let seen = '';
  let book: Book = () => '';
  let findings: Finding[] = [];
  for (;;) {
    const { objects, versions } = await readObjects(hand);
    if (versions !== seen) {
      seen = versions;
      restingSince = performance.now();
      book = openBook(objects, options);
      questions.add(objects);
      findings = servers.map(() => unasked);
    } else {
      const isRight = findings.every(({ wrong }) => wrong === undefined);
      if (performance.now() - restingSince >= (isRight ? quietMs : patienceMs)) return findings;
    }
    const asked = questions.at(step);
    findings = await Promise.all(
      servers.map(async (server, i) => {
        const before = findings[i] ?? unasked;
        const wrong = await firstWrong(server, asked, book);
        const sinceMs = performance.now() - restingSince;
        const isStill = before.wrong === undefined && wrong === undefined;
        return { rightAfterMs: isStill ? before.rightAfterMs : sinceMs, wrong };
      }),
    );
  }
}

async function firstWrong(
  { port, asks, hears }: Observed,
  asked: readonly string[],
  book: Book,
): Promise<string | undefined> {
  for (const question of asked) {
    const [expected, got] = [hears(book(question), question), await answerText(port, asks(question))];
    if (expected !== got) return `${asks(question)}: ${got}, not ${expected}`;
  }
  return undefined;
}

/** The objects, and a text that is another one whenever one of them has changed. */
async function readObjects(hand: Hand): Promise<{ readonly objects: Objects; readonly versions: string }> {
  const [namespaces, services, slices, pods] = await Promise.all([
    hand.list<Objects['namespaces'][number]>('Namespace'),
    hand.list<Objects['services'][number]>('Service'),
    hand.list<Objects['slices'][number]>('EndpointSlice'),
    hand.list<Objects['pods'][number]>('Pod'),
  ]);
  const all: readonly AnyObject[] = [...namespaces, ...services, ...slices, ...pods];
  return {
    // A pod that has ended, or is about to, is none that can be watched: its address is free for others.
    objects: { namespaces, services, slices, pods: pods.filter(isAlive) },
    versions: all.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).join(),
  };
}

function isAlive(pod: Objects['pods'][number] & { readonly status: { readonly phase?: string } }): boolean {
  return !['Succeeded', 'Failed', 'Unknown'].includes(pod.status.phase ?? '');
}

/** The answer as the oracle writes it. */
async function answerText(port: number, question: string): Promise<string> {
  const [name = '', type = ''] = question.split(' ');
  // One pod's SRV, or many: over UDP a long answer is cut, which is not what is tested here.
  const wire = await exchangeUdp(port, questionWire({ name, type: typeCode(type) ?? 0, edns: { udpSize: 65_000 } }));
  return wire === undefined ? 'no reply' : canonical(parseMessage(wire));
}

function canonical(message: Message): string {
  if (message.rcode !== RCODE.NOERROR) return rcodeName(message.rcode);
  const records = [
    ...message.answer.map(({ type, data }) =>
      type === TYPE.SOA ? 'answer SOA' : `answer ${typeName(type)} ${rdataText(data)}`,
    ),
    ...message.additional.map(({ name, type, data }) => `additional ${typeName(type)} ${name} ${rdataText(data)}`),
  ];
  return ['NOERROR', ...records.sort()].join(' | ');
}
