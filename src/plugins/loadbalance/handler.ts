import type { BlockList } from 'node:net';
import type { Answer } from '../../core/answer.ts';
import type { Handler } from '../../core/handler.ts';
import type { Query } from '../../core/query.ts';
import { RCODE, TYPE } from '../../dns/codes.ts';
import type { ResourceRecord } from '../../dns/record.ts';
import type { Random } from '../../runtime/random.ts';
import { groupsOf, inOrder, isInOrder, rearranged } from './order.ts';
import type { Weights } from './weights.ts';

/** What is done to a NOERROR answer of two records at least; it may leave the shuffling to `reply`. */
export type Balance = (query: Query, answer: Answer) => Answer;

/** The records of one section in the order in which they are sent. */
type Rearrange = (records: readonly ResourceRecord[]) => readonly ResourceRecord[];

/** Applies `balance` to what `next` answers. */
export function balanced(next: Handler, balance: Balance): Handler {
  return (query) => {
    const outcome = next(query);
    if (outcome instanceof Promise) return outcome.then((answer) => apply(balance, query, answer));
    return apply(balance, query, outcome);
  };
}

function apply(balance: Balance, query: Query, answer: Answer): Answer {
  if (answer.rcode !== RCODE.NOERROR || answer.recordEnds.length < 2) return answer;
  return query.type === TYPE.AXFR || query.type === TYPE.IXFR ? answer : balance(query, answer);
}

/** Shuffles addresses and MX records. Nearly always they lie so that `reply` can do it in the packet. */
export function roundRobin(random: Random): Balance {
  const spread = spreading(random);
  return (query, answer) => {
    const runs = answer.addressRuns;
    const isOneRun = runs.length === 3 && runs[2] === answer.recordEnds.length;
    if (isOneRun || isInOrder(answer)) {
      query.shuffle = true;
      return answer;
    }
    return rearranged(query, answer, ({ answer, authority, additional }) => ({
      answer: spread(answer),
      authority: spread(authority),
      additional: spread(additional),
    }));
  };
}

/** `roundRobin`, and then the addresses of each range of `ranges` before those of the ranges after it. */
export function preferredRoundRobin(random: Random, ranges: readonly BlockList[]): Balance {
  const spread = spreading(random);
  return (query, answer) =>
    rearranged(query, answer, ({ answer, authority, additional }) => ({
      answer: preferred(spread(answer), ranges),
      authority: spread(authority),
      additional: preferred(spread(additional), ranges),
    }));
}

/** Puts one address first, chosen by its weight; with `ranges`, as `preferredRoundRobin` does after that. */
export function weighted(random: Random, weights: () => Weights, ranges: readonly BlockList[]): Balance {
  const lift: Rearrange = (records) => {
    const groups = groupsOf(records);
    if (groups.addresses.length === 0) return records;
    return inOrder({ ...groups, addresses: weights().lifted(groups.addresses, random) });
  };
  return (query, answer) => {
    const concerns = query.type === TYPE.A || query.type === TYPE.AAAA || query.type === TYPE.SRV;
    if (!concerns && ranges.length === 0) return answer;
    const arrange: Rearrange = concerns ? lift : (records) => records;
    return rearranged(query, answer, ({ answer, authority, additional }) => ({
      answer: preferred(arrange(answer), ranges),
      authority,
      additional: preferred(arrange(additional), ranges),
    }));
  };
}

function spreading(random: Random): Rearrange {
  return (records) => {
    const groups = groupsOf(records);
    return inOrder({
      ...groups,
      addresses: shuffled(groups.addresses, random),
      mail: shuffled(groups.mail, random),
    });
  };
}

/** Fisher-Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)).flat();
}

function preferred(records: readonly ResourceRecord[], ranges: readonly BlockList[]): readonly ResourceRecord[] {
  if (ranges.length === 0) return records;
  const { aliases, others, addresses, mail } = groupsOf(records);
  const sorted = addresses.toSorted((a, b) => preference(a, ranges) - preference(b, ranges));
  return [...aliases, ...sorted, ...mail, ...others];
}

function preference({ data }: ResourceRecord, ranges: readonly BlockList[]): number {
  if (data.shape !== 'address') return ranges.length;
  const family = data.address.includes(':') ? 'ipv6' : 'ipv4';
  const index = ranges.findIndex((range) => range.check(data.address, family));
  return index === -1 ? ranges.length : index;
}
