/**
 * `hosts`: names and addresses from a file in the format of /etc/hosts, and from lines in the Corefile.
 *
 *     file --stat, read--> lines --+--> HostTable (names, wildcards, reverse names)      hosts-file.ts, hosts-lines.ts
 *     Corefile ----------> lines --+         |
 *     query ---------------------------> find -> its Answer, made once                   host-table.ts, handler.ts
 *
 * - A query passes here before it comes to `kubernetes`: one for a name that is not in the table costs a look at a hash.
 * - A changed file makes a new table, a slice at a time so that a long blocklist keeps no query waiting (slices.ts); when
 *   complete it takes the place of the old one. Its answers are `live`, so a cache in front does not keep what the file
 *   no longer says.
 */
import { definePlugin, type Env, type Instance, type Plugin } from '../../core/plugin.ts';
import { ZoneSet } from '../../core/zone-name.ts';
import { type HostsConfig, parseHosts } from './config.ts';
import { hostsHandler } from './handler.ts';
import { HostTable } from './host-table.ts';
import { type FileVersion, HostsFile, type HostsFiles, systemHostsFiles } from './hosts-file.ts';
import { readHostsLines } from './hosts-lines.ts';
import { atOnce, unhurried } from './slices.ts';

export const hostsPlugin = hostsReading(systemHostsFiles);

/** The plugin whose hosts files are those of `files`. */
export function hostsReading(files: HostsFiles): Plugin {
  return definePlugin<HostsConfig>({
    name: 'hosts',
    parse: parseHosts,
    create: (config, env) => createHosts(config, env, files),
  });
}

function createHosts(config: HostsConfig, env: Env, files: HostsFiles): Instance {
  const { clock, log, metrics } = env;
  const entries = metrics.gauge({
    name: 'coredns_hosts_entries',
    help: 'The combined number of entries in hosts and Corefile.',
    labels: ['hostsfile'],
  });
  const reloaded = metrics.gauge({
    name: 'coredns_hosts_reload_timestamp_seconds',
    help: 'The timestamp of the last reload of hosts file.',
  });
  const inline = atOnce(readHostsLines(config.lines.join('\n'), config));
  let table = atOnce(HostTable.of([inline]));

  async function take(text: string, version: FileVersion): Promise<void> {
    const lines = await unhurried(readHostsLines(text, config));
    log.debug(`Parsed hosts file into ${lines.entries} entries`);
    table = await unhurried(HostTable.of([lines, inline]));
    entries.with({ hostsfile: config.file }).set(inline.entries + lines.entries);
    reloaded.with({}).set(version.writtenMs / 1000);
  }

  const file = new HostsFile({ ...config, files, clock, log, onText: take });
  const parts = {
    table: () => table,
    zones: new ZoneSet(config.zones),
    fallthrough: new ZoneSet(config.fallthrough),
    fallthroughUnsupported: config.fallthroughUnsupported,
    ttl: config.ttl,
  };
  return {
    wrap: (next) => hostsHandler(parts, next),
    start: () => file.start(),
    stop: async () => file.stop(),
  };
}
