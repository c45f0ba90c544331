/**
 * `cache`: answers of other servers, kept for as long as their TTLs allow.
 *
 *     query -> find -> hit: the stored Answer as it is, aged by `reply`          handler.ts, answers.ts
 *               |       `- expired or soon so: fetch it anew                     refresh.ts
 *               `- miss -> next plugin, AD set -> classify -> one TTL -> store   authentic.ts, classify.ts, shelf.ts
 *
 * - An answer from live data of ours (`live`) is never stored, in whatever zone: its owner has it at hand and knows when
 *   it changes. Such an answer passes by, at most with a lower TTL, and nothing is allocated for it.
 * - A hit makes no string and returns what was made when the answer was stored. Queries with and without DO, and with and
 *   without CD, do not share answers; those with and without AD share one in two forms.
 * - A stored answer owns its memory, and the shelves are bounded by number and by bytes.
 * - Whatever a refresh brings, a stored answer only gives way to a better one.
 */
import type { Handler } from '../../core/handler.ts';
import { definePlugin, type Env, type Instance } from '../../core/plugin.ts';
import { Answers } from './answers.ts';
import { type CacheConfig, parseCache } from './config.ts';
import { CacheHandler } from './handler.ts';
import { CacheMetrics } from './metrics.ts';

export const cachePlugin = definePlugin<CacheConfig>({
  name: 'cache',
  parse: parseCache,
  create: createCache,
});

function createCache(config: CacheConfig, env: Env): Instance {
  const answers = new Answers(config, env.clock);
  const metrics = new CacheMetrics(env.metrics, config.zones, {
    success: () => answers.success.size,
    denial: () => answers.denial.size,
  });
  return {
    wrap(next): Handler {
      const handler = new CacheHandler({ config, answers, metrics, env }, next);
      return (query) => handler.answer(query);
    },
    stop: async () => metrics.end(),
  };
}
