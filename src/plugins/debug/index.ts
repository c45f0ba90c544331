/**
 * `debug`: `[DEBUG]` lines, for the whole process while any server block of what runs has it.
 *
 * On a reload the new configuration starts before the old one stops, so both are counted: the lines go on when both have
 * the directive, and end when only the old one had.
 */
import { readEach } from '../../corefile/cursor.ts';
import { definePlugin, type Host } from '../../core/plugin.ts';

/** How many instances want the lines, in each process. */
const wanting = new WeakMap<Host, number>();

export const debugPlugin = definePlugin<object>({
  name: 'debug',
  parse(directives, scope) {
    readEach(directives, scope, () => undefined);
    return {};
  },
  create: (_config, { host }) => ({
    start: async () => count(host, 1),
    stop: async () => count(host, -1),
  }),
});

function count(host: Host, change: 1 | -1): void {
  const before = wanting.get(host) ?? 0;
  const now = before + change;
  wanting.set(host, now);
  if (before === 0 || now === 0) host.control.setDebug(now > 0);
}
