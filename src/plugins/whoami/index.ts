/**
 * `whoami`: tells every client who it is, and asks no other plugin. It is what a server without a Corefile runs; the
 * answers are `live`, since the next client is another one.
 */
import { readEach } from '../../corefile/cursor.ts';
import { definePlugin } from '../../core/plugin.ts';
import { whoami } from './handler.ts';

export const whoamiPlugin = definePlugin<object>({
  name: 'whoami',
  parse(directives, scope) {
    readEach(directives, scope, () => undefined);
    return {};
  },
  create: () => ({ wrap: () => whoami }),
});
