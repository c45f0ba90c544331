import { parseError, shown } from './mistake.ts';
import { suggestion } from './nearest.ts';

/** Every plugin of the reference, in the order in which a block's plugins see a query. */
export const REFERENCE_PLUGINS: readonly string[] = (
  'root metadata geoip cancel proxyproto quic grpc_server https https3 timeouts multisocket reload nsid bufsize bind ' +
  'debug trace ready health pprof shed prometheus errors log dnstap local dns64 any chaos loadbalance tsig rewrite ' +
  'autopath acl cache header dnssec tls minimal template transfer hosts route53 azure clouddns k8s_external ' +
  'kubernetes file auto secondary etcd loop forward grpc erratic whoami on sign view nomad'
).split(' ');

const FOREIGN_DATA = 'it serves the cluster, files and resolvers, not the data of other systems';
const QUIC = 'Node.js has no QUIC';
const GRPC = 'it does not speak gRPC';

/** Those of them that Portolan will never have, and why; the others are planned where they are not built in. */
const NEVER: ReadonlyMap<string, string> = new Map([
  ['geoip', 'it would need the database of another vendor'],
  ['quic', QUIC],
  ['grpc_server', GRPC],
  ['https3', QUIC],
  ['trace', `it does not send to Zipkin or Datadog; 'log' and 'prometheus' show what happens`],
  ['route53', FOREIGN_DATA],
  ['azure', FOREIGN_DATA],
  ['clouddns', FOREIGN_DATA],
  ['etcd', FOREIGN_DATA],
  ['grpc', GRPC],
  ['on', 'it runs no commands'],
  ['sign', `it signs no files; sign the zone elsewhere and serve the result with 'file'`],
  ['nomad', FOREIGN_DATA],
]);

/** Directives that are no plugin of the reference, as they turn up in Corefiles, and what to do about them. */
const STRANGERS: ReadonlyMap<string, string> = new Map([
  ['proxy', `CoreDNS removed it; write 'forward FROM TO...' instead, with 'force_tcp' for 'protocol dns force_tcp'`],
  ['federation', 'CoreDNS removed it with cluster federation; delete it'],
  ['upstream', 'CoreDNS removed it and needs none to follow a CNAME; delete it'],
  ['metrics', `the plugin's directive is 'prometheus'`],
  ['k8s_gateway', 'it is no plugin of CoreDNS itself but of an image built with it; delete it'],
  ['ocp_dnsnameresolver', 'it is no plugin of CoreDNS itself but of an image built with it; delete it'],
  ['multicluster', `it is an option of 'kubernetes', or the plugin of an image built with it`],
]);

/** Options that the reference's plugins once had, and what to do about them. */
const REMOVED_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['upstream', 'CoreDNS removed it and needs none to follow a CNAME; delete the line'],
  ['resyncperiod', 'CoreDNS removed it, the watches need none; delete the line'],
  ['federation', 'CoreDNS removed it with cluster federation; delete the line'],
  ['transfer', `CoreDNS moved it into the plugin 'transfer'; write that beside this one`],
  ['no_reload', `CoreDNS removed it; write 'reload 0'`],
]);

/** The message for a directive that is not among `builtIn`, the names of the plugins that are there. */
export function explainDirective(name: string, builtIn: readonly string[]): string {
  const advice = directiveAdvice(name, builtIn);
  return parseError(`Unknown directive '${shown(name)}'${advice === undefined ? '' : `; ${advice}`}`);
}

function directiveAdvice(name: string, builtIn: readonly string[]): string | undefined {
  const reason = NEVER.get(name);
  if (reason !== undefined) return `CoreDNS has this plugin, Portolan does not: ${reason}; delete it`;
  if (!REFERENCE_PLUGINS.includes(name)) return STRANGERS.get(name) ?? suggestion(name, builtIn);
  return 'CoreDNS has this plugin, which is not built into Portolan yet; delete it';
}

/** What to do about an option that a plugin does not have: `options` are those that it has. */
export function optionAdvice(name: string, options: readonly string[]): string | undefined {
  return REMOVED_OPTIONS.get(name) ?? suggestion(name, options);
}
