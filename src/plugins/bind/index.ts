/**
 * `bind`: the addresses that a server block listens on, in place of all addresses of the host. An interface stands for
 * the addresses that it has when the Corefile is read.
 */
import { networkInterfaces } from 'node:os';
import { definePlugin, type Plugin } from '../../core/plugin.ts';
import { type ListInterfaces, parseBind } from './config.ts';

export const bindPlugin = bindOn(networkInterfaces);

/** The plugin on a host with these interfaces. */
export function bindOn(interfaces: ListInterfaces): Plugin {
  return definePlugin<readonly string[]>({
    name: 'bind',
    parse: (directives, scope) => parseBind(directives, scope, interfaces),
    create: (addresses) => ({ listen: { addresses } }),
  });
}
