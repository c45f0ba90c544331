/**
 * `loadbalance`: the order of records in an answer, so that clients which take the first address spread over all.
 *
 *     round_robin            query.shuffle: `reply` shuffles in the packet       handler.ts
 *       odd order, MX        records -> order.ts -> a new answer
 *     ... prefer CIDR...     likewise, addresses of these ranges first
 *     weighted FILE          likewise, one address first by its weight           weights.ts, weight-file.ts
 *
 * - Only NOERROR answers change, transfers never do, and nothing but the order.
 * - The usual answer costs a look at a few numbers: nothing is allocated for it.
 */
import { readFile } from 'node:fs/promises';
import { definePlugin, type Env, type Instance, type Plugin } from '../../core/plugin.ts';
import { type LoadbalanceConfig, parseLoadbalance } from './config.ts';
import { balanced, preferredRoundRobin, roundRobin, weighted } from './handler.ts';
import { type ReadText, WeightFile } from './weight-file.ts';

export const loadbalancePlugin = loadbalanceReading((path) => readFile(path, 'utf8'));

/** The plugin whose weight files `read` reads. */
export function loadbalanceReading(read: ReadText): Plugin {
  return definePlugin<LoadbalanceConfig>({
    name: 'loadbalance',
    parse: parseLoadbalance,
    create: (config, env) => createLoadbalance(config, env, read),
  });
}

function createLoadbalance({ policy, prefer }: LoadbalanceConfig, env: Env, read: ReadText): Instance {
  const { random, clock, log } = env;
  if (policy.kind === 'round_robin') {
    const balance = prefer.length === 0 ? roundRobin(random) : preferredRoundRobin(random, prefer);
    return { wrap: (next) => balanced(next, balance) };
  }
  const file = new WeightFile({ ...policy, read, clock, log });
  const balance = weighted(random, () => file.weights, prefer);
  return {
    wrap: (next) => balanced(next, balance),
    start: () => file.start(),
    stop: async () => file.stop(),
  };
}
