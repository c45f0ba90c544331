import type { Random } from '../runtime/random.ts';

export const POLICIES = ['random', 'round_robin', 'sequential'] as const;

/** In which order servers are tried: by chance, the first one in turn, or as written. */
export type Policy = (typeof POLICIES)[number];

/** A function that gives the order for the next query. */
export function createOrder(policy: Policy, random: Random): <T>(servers: readonly T[]) => readonly T[] {
  switch (policy) {
    case 'random':
      return (servers) => shuffled(servers, random);
    case 'round_robin':
      return inTurn();
    case 'sequential':
      return (servers) => servers;
    default:
      return policy satisfies never;
  }
}

function shuffled<T>(servers: readonly T[], random: Random): readonly T[] {
  const pool = [...servers];
  return servers.flatMap(() => pool.splice(random.below(pool.length), 1));
}

function inTurn(): <T>(servers: readonly T[]) => readonly T[] {
  let turn = 0;
  return (servers) => {
    const first = turn++ % servers.length;
    return [...servers.slice(first, first + 1), ...servers.slice(0, first), ...servers.slice(first + 1)];
  };
}
