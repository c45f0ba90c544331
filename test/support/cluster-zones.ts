import { lex } from '../../src/corefile/lexer.ts';
import { parse } from '../../src/corefile/parser.ts';
import { buildAnswer } from '../../src/core/encode.ts';
import type { Handler } from '../../src/core/handler.ts';
import type { BlockScope } from '../../src/core/plugin.ts';
import { FLAG, RCODE, TYPE } from '../../src/dns/codes.ts';
import { addressRecord } from '../../src/dns/record.ts';
import { type KubernetesConfig, parseKubernetes } from '../../src/plugins/kubernetes/config.ts';

/** What a kubernetes block for `zones` says with these option lines. */
export function kubernetesConfig(zones: string, options: readonly string[]): KubernetesConfig {
  const text = `. {\nkubernetes ${zones} {\n${options.join('\n')}\n}\n}`;
  const scope: BlockScope = { zones: ['.'], port: 53, directory: '/', plugins: new Set(), warn: () => {} };
  return parseKubernetes(parse(lex(text, 'Corefile')).blocks[0]?.directives ?? [], scope);
}

/** The rest of the world: every name has the address 192.0.2.80, but for those that begin with `nx.`. */
export const outside: Handler = (query) => {
  const missing = query.key.startsWith('nx.');
  const head = { rcode: missing ? RCODE.NXDOMAIN : RCODE.NOERROR, flags: FLAG.RA, source: 'outside' };
  if (query.type !== TYPE.A || missing) return buildAnswer(query, head);
  return buildAnswer(query, { ...head, answer: [addressRecord(query.text, 300, '192.0.2.80')] });
};
