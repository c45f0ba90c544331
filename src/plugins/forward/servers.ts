import { lookup, Resolver } from 'node:dns/promises';
import type { Files } from '../../corefile/files.ts';
import { absolute } from '../../dns/name.ts';
import type { Clock } from '../../runtime/clock.ts';
import { within } from '../../upstream/client.ts';
import { endpointText } from '../../upstream/failure.ts';
import { readResolvConf } from '../../upstream/resolv-conf.ts';
import type { ServerAddress } from '../../upstream/upstream.ts';
import type { Target } from './target.ts';

/** Where names come from that stand for servers. */
export interface Sources {
  readonly clock: Clock;
  readonly files: Pick<Files, 'kind' | 'read'>;
  readonly lookup: Lookup;
  /** Whom to ask for host names: `IP` or `IP:PORT`; empty: the system. */
  readonly resolvers: readonly string[];
}

/** The addresses of a host name; rejects with an Error that says why there are none. */
export type Lookup = (name: string, resolvers: readonly string[]) => Promise<readonly string[]>;

const DNS_PORT = 53;
const MOST_SERVERS = 15;
const LOOKUP_MS = 10_000;

/**
 * The servers that targets stand for, in order, each address and port once. Rejects with an Error, in the reference's words,
 * for a target that is nothing, when there is no server at all, and when there are too many.
 */
export async function findServers(targets: readonly Target[], sources: Sources): Promise<readonly ServerAddress[]> {
  const found: ServerAddress[] = [];
  for (const target of targets) {
    if (target.kind === 'server') found.push(target.server);
    else if (sources.files.kind(target.word) === 'file') found.push(...fromFile(target.word, sources));
    else found.push(...(await fromHost(target.server, sources)));
  }
  const servers = distinct(found);
  if (servers.length === 0) throw new Error('no valid upstream addresses found');
  const mistake = tooMany(servers);
  if (mistake !== undefined) throw new Error(mistake);
  return servers;
}

/** What is wrong when there are more servers than a `forward` may have. */
export function tooMany(servers: readonly ServerAddress[]): string | undefined {
  return servers.length > MOST_SERVERS ? `more than ${MOST_SERVERS} TOs configured: ${servers.length}` : undefined;
}

/** The first of those that share address and port, whatever their protocol. */
export function distinct(servers: readonly ServerAddress[]): readonly ServerAddress[] {
  const byEndpoint = new Map<string, ServerAddress>();
  for (const server of servers) {
    const endpoint = endpointText(server.address, server.port);
    if (!byEndpoint.has(endpoint)) byEndpoint.set(endpoint, server);
  }
  return [...byEndpoint.values()];
}

function fromFile(file: string, { files }: Sources): ServerAddress[] {
  return readResolvConf(files.read(file)).map(({ address, line }) => ({
    protocol: 'dns',
    address,
    port: DNS_PORT,
    servername: '',
    origin: `a nameserver of ${file}, line ${line}`,
  }));
}

async function fromHost(host: ServerAddress, { clock, lookup, resolvers }: Sources): Promise<ServerAddress[]> {
  const { address: name, servername } = host;
  const late = (): Error => new Error('no answer within 10s');
  try {
    if (name.includes('/')) throw new Error('no such file');
    const addresses = await within(clock, LOOKUP_MS, lookup(name, resolvers), late);
    if (addresses.length === 0) throw new Error(`no addresses found for ${JSON.stringify(name)}`);
    return addresses.map((address) => ({ ...host, address, servername: servername === '' ? name : servername }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`failed to resolve ${JSON.stringify(name)}: ${reason}`, { cause: error });
  }
}

const RESOLVER_MS = 2000;

/** Names are absolute: no search list is tried. */
export const systemLookup: Lookup = async (name, resolvers) => {
  if (resolvers.length === 0) {
    const addresses = await lookup(absolute(name), { all: true, order: 'verbatim' });
    return addresses.map(({ address }) => address);
  }
  const resolver = new Resolver({ timeout: RESOLVER_MS, tries: 1 });
  resolver.setServers(resolvers);
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const [failed] = answers.filter((answer) => answer.status === 'rejected');
  if (addresses.length === 0 && failed !== undefined) throw failed.reason;
  return addresses;
};
