/**
 * errors: logs what could not be answered.
 *
 *     errors -> ... -> forward: QueryError(SERVFAIL, 'read udp ...: i/o timeout')
 *       |  <-------------'
 *       `- [ERROR] plugin/errors: 2 slow.example.org. A: read udp ...: i/o timeout       and an answer of SERVFAIL alone
 *
 * Only errors are logged, never an rcode that somebody answered with: NXDOMAIN and a resolver's own SERVFAIL pass by. A
 * defect of the server itself passes too, as the server counts it in `coredns_panics_total` and logs it.
 */
import { definePlugin } from '../../core/plugin.ts';
import { parseErrors } from './config.ts';
import { Consolidation } from './consolidation.ts';
import { errorsHandler } from './handler.ts';

export const errorsPlugin = definePlugin({
  name: 'errors',
  parse: parseErrors,
  create({ stacktrace, rules }, { clock, log }) {
    const consolidations = rules.map((rule) => new Consolidation(rule, clock, log));
    return {
      wrap: (next) => errorsHandler({ log, stacktrace, consolidations }, next),
      async stop() {
        for (const consolidation of consolidations) consolidation.finish();
      },
    };
  },
});
