/**
 * `autopath`: a client that looks for `www.example.org` in a cluster asks for it below each domain of its search list first.
 * Here the first of these questions is answered with what the last of them would have brought.
 *
 *     www.example.org.shop.svc.cluster.local. A  --NXDOMAIN-->  www.example.org.svc.cluster.local.    walk.ts
 *                                                               www.example.org.cluster.local.
 *                                                               www.example.org.  -> CNAME and its answer
 *
 *     search list: a resolv.conf, or a plugin of the block that knows that of its clients             core/search-path.ts
 *
 * - Every name is asked of the plugins behind this one, so whatever they say about a name they say about a searched one.
 * - The first reply that is not NXDOMAIN ends the search, and so does an error. When nothing is found the client gets the
 *   reply to its own question, and searches on by itself.
 * - What holds only while a name of the cluster does not exist is as live as the cluster: no cache keeps it.
 */
import { resolve } from 'node:path';
import type { Files } from '../../corefile/files.ts';
import { CorefileError } from '../../corefile/mistake.ts';
import { systemFiles } from '../../corefile/system-files.ts';
import { type BlockScope, definePlugin, type Env, type Instance, type Plugin } from '../../core/plugin.ts';
import type { Query } from '../../core/query.ts';
import { searchPaths } from '../../core/search-path.ts';
import { ZoneName, ZoneSet } from '../../core/zone-name.ts';
import type { CounterCell } from '../../metrics/metrics.ts';
import { type AutopathConfig, parseAutopath, type FileSource } from './config.ts';
import { autopathHandler, type SearchList } from './handler.ts';
import { readSearchDomains } from './search-domains.ts';

export const autopathPlugin = autopathReading(systemFiles);

/** The plugin whose files are those of `files`. */
export function autopathReading(files: Pick<Files, 'read'>): Plugin {
  return definePlugin<AutopathConfig>({
    name: 'autopath',
    parse: parseAutopath,
    create: (config, env) => createAutopath(config, env, files),
  });
}

/** The server's own search list follows that of the cluster, as in the pods that it serves. */
const OWN_RESOLV_CONF = '/etc/resolv.conf';

function createAutopath({ zones, source }: AutopathConfig, env: Env, files: Pick<Files, 'read'>): Instance {
  const { clock, metrics, scope } = env;
  let list: SearchList = { pathOf: () => undefined, rest: [] };
  const found = metrics.counter({
    name: 'coredns_autopath_success_total',
    help: 'Counter of requests that did autopath.',
    labels: ['server'],
  });
  const cells = new Map<string, CounterCell>();

  function count({ peer: { server } }: Query): void {
    const cell = cells.get(server) ?? found.with({ server });
    cells.set(server, cell);
    cell.inc();
  }

  return {
    wrap: (next) =>
      autopathHandler({ zones: new ZoneSet(zones), list: () => list, now: () => clock.now(), count }, next),
    async start() {
      list = source.from === 'plugin' ? listOfPlugin(source.name, env, files) : listOfFile(source, scope, files);
    },
  };
}

function listOfPlugin(name: string, { scope }: Env, files: Pick<Files, 'read'>): SearchList {
  const known = searchPaths.find(scope).find(({ plugin }) => plugin === name);
  return { pathOf: (query) => known?.pathOf(query), rest: [...ownDomains(files), '.'] };
}

/** None where there is no such file: outside of a cluster nobody has to have one. */
function ownDomains(files: Pick<Files, 'read'>): readonly string[] {
  try {
    return readSearchDomains(files.read(OWN_RESOLV_CONF));
  } catch {
    return [];
  }
}

function listOfFile({ path, place }: FileSource, scope: BlockScope, files: Pick<Files, 'read'>): SearchList {
  let text: string;
  try {
    text = files.read(resolve(scope.directory, path));
  } catch (error) {
    const advice = scope.plugins.has(path) ? `; write '@${path}' for the plugin` : '';
    const message = `plugin/autopath: failed to parse ${JSON.stringify(path)}: open ${path}: ${reasonOf(error)}${advice}`;
    throw new CorefileError([{ ...place, message }]);
  }
  const domains = readSearchDomains(text);
  const [first] = domains.map((domain) => new ZoneName(domain));
  return { pathOf: (query) => (first?.covers(query) ? domains : undefined), rest: ['.'] };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && error.code === 'ENOENT' ? 'no such file or directory' : error.message;
}
