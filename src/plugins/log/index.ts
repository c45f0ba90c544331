/**
 * log: a line for each query.
 *
 *     query -> rule by name -> ... -> answer -> class asked for? -> line -> Host.lines
 *
 * A query that no rule asks for costs a comparison of names and two looks at the clock. Lines are not written here but
 * collected by the process, which writes many at once and drops some rather than keep queries waiting.
 */
import { metadata } from '../../core/metadata.ts';
import { definePlugin } from '../../core/plugin.ts';
import { type LogRule, parseLog } from './config.ts';
import type { Exchange } from './exchange.ts';
import { loggingHandler } from './handler.ts';
import { jsonRecord } from './record.ts';

export const logPlugin = definePlugin({
  name: 'log',
  parse: parseLog,
  create(rules, { clock, lines, log, logFormat, scope }) {
    const labels = new Set(rules.flatMap((rule) => rule.labels));
    const print =
      logFormat === 'json'
        ? (exchange: Exchange, { format }: LogRule): void =>
            lines.write(`${jsonRecord(exchange, format(exchange), clock.wall())}\n`)
        : (exchange: Exchange, { format }: LogRule): void => lines.write(`[INFO] ${format(exchange)}\n`);
    return {
      wrap(next) {
        const [known] = metadata.find(scope);
        return loggingHandler({ rules, metadata: known, now: () => clock.now(), print }, next);
      },
      async start() {
        const [known] = metadata.find(scope);
        for (const label of labels) {
          const obstacle = known?.obstacle(label);
          if (obstacle !== undefined) log.warning(`{/${label}} prints '-': ${obstacle}`);
        }
      },
    };
  },
});
