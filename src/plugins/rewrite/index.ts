/**
 * `rewrite`: questions and answers in other words, for the plugins behind it and for the client.
 *
 *     query -> rules, in file order -> another question, steps for its answer     draft.ts, name-match.ts, edns0.ts
 *                |                                  |
 *                `- none applies: next              v
 *                                       next -> answer -> steps, in reverse -> answer to the client's question
 *                                                                              reply.ts, records.ts, cname.ts, ttl.ts
 *
 * - The client gets its own question back, whatever was asked in its place. What other plugins see is a query of its own.
 * - An answer stays what it was: live where it was taken from live data, with the TTLs that it has now.
 * - Until a rule applies nothing is kept: names are compared byte by byte, and only a pattern gets a string to look at, for a
 *   time that is bounded (src/corefile/pattern.ts).
 */
import { metadata, metadataSources } from '../../core/metadata.ts';
import { definePlugin, type Env, type Instance } from '../../core/plugin.ts';
import { parseRewrite } from './config.ts';
import { rewriteHandler } from './handler.ts';
import type { Change, Rule } from './rule.ts';

export const rewritePlugin = definePlugin<readonly Rule[]>({
  name: 'rewrite',
  parse: parseRewrite,
  create: createRewrite,
});

function createRewrite(rules: readonly Rule[], { scope, clock, log, resolve }: Env): Instance {
  const changes = rules.map(({ change }) => change);
  const localOptions = new Set(changes.flatMap((change) => (isLocal(change) ? [change.code] : [])));
  return {
    wrap(next) {
      const [known] = metadata.find(scope);
      const noted = metadataSources.find(scope).filter((source) => source.kind === 'noted');
      const labelOf = known === undefined ? (): undefined => undefined : known.value.bind(known);
      return rewriteHandler({ rules, labelOf, noted, resolve, now: () => clock.now(), localOptions }, next);
    },
    async start() {
      const [known] = metadata.find(scope);
      for (const label of new Set(changes.flatMap(labelsIn))) {
        const obstacle = known?.obstacle(label);
        if (obstacle !== undefined) log.warning(`no rule with {${label}} ever applies: ${obstacle}`);
      }
    },
  };
}

function isLocal(change: Change): change is Extract<Change, { what: 'edns0' }> {
  return change.what === 'edns0' && change.isLocal;
}

/** The labels that a change takes values of. */
function labelsIn(change: Change): readonly string[] {
  if (change.what === 'name' && change.change.kind === 'regex') {
    return change.change.to.flatMap((part) => (part.kind === 'label' ? [part.label] : []));
  }
  if (change.what !== 'edns0' || change.action === 'unset' || change.data.from !== 'metadata') return [];
  return [change.data.label];
}
