/**
 * `transfer`: hands zones over whole to those who may have them.
 *
 *     AXFR, IXFR -> over TCP? may the client? -> transferables, the first that has the zone      handler.ts
 *                                                      |
 *                                                      `- state -> messages -> listener          messages.ts
 *     a zone has changed -> NOTIFY to each secondary that is named                               notify.ts
 *
 * - A transfer is the zone as it was when it was asked for, whatever changes while it goes out.
 * - Its messages are made one by one, as the client takes them: a large zone costs no more memory than a small one, and
 *   others are answered in between.
 */
import type { Handler } from '../../core/handler.ts';
import { definePlugin, type Env, type Instance } from '../../core/plugin.ts';
import { transferables } from '../../zone/transferable.ts';
import { parseTransfer, type TransferRule } from './config.ts';
import { transferHandler } from './handler.ts';
import { notifySecondaries } from './notify.ts';

export const transferPlugin = definePlugin<readonly TransferRule[]>({
  name: 'transfer',
  parse: parseTransfer,
  create: (rules, env) => new Transfer(rules, env),
});

class Transfer implements Instance {
  readonly #rules: readonly TransferRule[];
  readonly #env: Env;
  #unsubscribe: readonly (() => void)[] = [];

  constructor(rules: readonly TransferRule[], env: Env) {
    this.#rules = rules;
    this.#env = env;
  }

  readonly wrap = (next: Handler): Handler => {
    const { scope, log } = this.#env;
    return transferHandler({ rules: this.#rules, providers: () => transferables.find(scope), log }, next);
  };

  async start(): Promise<void> {
    const changed = (zone: string): void => void notifySecondaries(this.#rules, zone, this.#env);
    this.#unsubscribe = transferables
      .find(this.#env.scope)
      .flatMap(({ onChange }) => (onChange === undefined ? [] : [onChange(changed)]));
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }
}
