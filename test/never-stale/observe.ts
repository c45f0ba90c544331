import { typeCode } from '../../src/dns/codes.ts';
import { parseMessage } from '../../src/dns/message.ts';
import { bookText } from '../oracle/book-text.ts';
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
  /** Every question is asked, not only those of the step, once there was no change for so long; undefined: never. */
  readonly allAfterMs?: number;
}

/**
 * Asks the servers again and again. What is right is what the oracle says of the objects as the API server lists them; they are
 * listed anew before each round, so that one in which something changed is void. A round is all questions about services, and
 * other ones of the rest at each step.
 */
export async function observe(servers: readonly Observed[], how: Observation): Promise<readonly Finding[]> {
  const { hand, questions, step, quietMs, patienceMs, allAfterMs = Infinity } = how;
  let restingSince = 0;
  let seen = '';
  let book: Book = () => '';
  let findings: Finding[] = [];
  /** What was wrong when all was asked in this rest. */
  let ofAll: readonly (string | undefined)[] | undefined;

  for (;;) {
    const { objects, versions } = await readObjects(hand);
    if (versions !== seen) {
      seen = versions;
      restingSince = performance.now();
      book = openBook(objects, options);
      questions.add(objects);
      findings = servers.map(() => unasked);
      ofAll = undefined;
    }
    const restedMs = performance.now() - restingSince;
    const isRight = findings.every(({ wrong }) => wrong === undefined);
    if (restedMs >= (isRight ? quietMs : patienceMs)) {
      return findings.map((finding, i) => ({ ...finding, wrong: finding.wrong ?? ofAll?.[i] }));
    }
    if (restedMs >= allAfterMs && ofAll === undefined) {
      ofAll = await Promise.all(servers.map((server) => firstWrong(server, questions.all, book)));
      continue;
    }
    findings = await Promise.all(
      servers.map(async (server, i) =>
        after(findings[i] ?? unasked, await firstWrong(server, questions.at(step), book)),
      ),
    );
  }

  function after(before: Finding, wrong: string | undefined): Finding {
    const isStill = before.wrong === undefined && wrong === undefined;
    return { rightAfterMs: isStill ? before.rightAfterMs : performance.now() - restingSince, wrong };
  }
}

/** Several questions are under way at a time, so that a round takes little longer than one of them. */
const IN_FLIGHT = 8;

async function firstWrong(
  { port, asks, hears }: Observed,
  asked: readonly string[],
  book: Book,
): Promise<string | undefined> {
  let wrong: string | undefined;
  const waiting = asked.values();
  async function askInTurn(): Promise<void> {
    for (const question of waiting) {
      const [expected, got] = [hears(book(question), question), await answerText(port, asks(question))];
      if (expected !== got) wrong ??= `${asks(question)}: ${got}, not ${expected}`;
      if (wrong !== undefined) return;
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, askInTurn));
  return wrong;
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
  return wire === undefined ? 'no reply' : bookText(parseMessage(wire));
}
