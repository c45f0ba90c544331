import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Login, ReadLogin } from './access.ts';

/**
 * Reads a kubeconfig file; `context` undefined means its current one. Contexts, inline and file credentials, exec and OIDC
 * plugins, impersonation and proxies are the package's work. Throws when the file does not lead to a cluster.
 */
export function openKubeconfig(file: string, context: string | undefined): ReadLogin {
  const config = new KubeConfig();
  config.loadFromFile(file);
  if (context !== undefined) config.setCurrentContext(context);
  // The package refuses plain HTTP unless the cluster says that its certificate, which there is none of, need not be verified.
  config.clusters = config.clusters.map((cluster) =>
    cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster,
  );
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(`kubeconfig ${file}: context "${config.getCurrentContext()}" does not lead to a cluster`);
  }
  return async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, servername, rejectUnauthorized, agent } = options;
    const proxied = cluster.proxyUrl !== undefined && typeof agent === 'object';
    return {
      server: cluster.server,
      headers: headersOf(options),
      tls: {
        ca,
        cert,
        key,
        ...(servername && { servername }),
        ...(rejectUnauthorized === false && { rejectUnauthorized }),
      },
      ...(proxied ? { agent } : {}),
    };
  };
}

function headersOf({ headers, auth }: RequestOptions): Login['headers'] {
  const own = Object.entries(headers ?? {}).map(([name, value]): [string, string] => [
    name.toLowerCase(),
    String(value),
  ]);
  const basic = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  return { ...Object.fromEntries(own), ...basic };
}
