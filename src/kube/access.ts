import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';

/** Where the API server is and who we are to it. Plain data: it crosses to the watch thread. */
export type Access =
  /** The service account of the pod we run in; `directory` holds its `token` and `ca.crt`. */
  | { readonly from: 'in-cluster'; readonly server: string; readonly directory: string }
  | { readonly from: 'kubeconfig'; readonly file: string; readonly context?: string }
  /** `tls` names PEM files. Without a scheme `url` is https with them, http without. */
  | { readonly from: 'endpoint'; readonly url: string; readonly tls?: TlsFiles };

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** What one request needs beside its path, as of now. */
export interface Login {
  /** Scheme, host, port and, behind some proxies, a path. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Pick<AgentOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;
  /** The way through a proxy. */
  readonly agent?: Agent;
}

/** Rejects with what is missing when a file cannot be read. */
export type ReadLogin = () => Promise<Login>;

/**
 * The access of a pod. Throws when the environment is not that of one: the line is the reference's.
 *
 * Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 */
export function inClusterAccess(
  environment: Readonly<Record<string, string | undefined>>,
  directory = '/var/run/secrets/kubernetes.io/serviceaccount',
): Access {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) {
    throw new Error(
      'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
    );
  }
  return { from: 'in-cluster', server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`, directory };
}

/**
 * Makes the reader of an access. It is asked before each request, which are few, so that a rotated token or certificate is
 * used as soon as its file has it. Only a kubeconfig is kept, with what its credential plugins remember.
 */
export async function openAccess(access: Access): Promise<ReadLogin> {
  switch (access.from) {
    case 'in-cluster':
      return () => serviceAccountLogin(access.server, access.directory);
    case 'endpoint':
      return () => endpointLogin(access.url, access.tls);
    case 'kubeconfig': {
      // Loaded on demand: it costs 30 MB and more, which the other two ways have no use for.
      const { openKubeconfig } = await import('./kubeconfig.ts');
      return openKubeconfig(access.file, access.context);
    }
    default:
      return access satisfies never;
  }
}

async function serviceAccountLogin(server: string, directory: string): Promise<Login> {
  const remedy = 'is a service account token mounted into this pod?';
  const token = await readCredential(join(directory, 'token'), remedy);
  const ca = await readCredential(join(directory, 'ca.crt'), remedy);
  return { server, headers: { authorization: `Bearer ${token.trim()}` }, tls: { ca } };
}

async function endpointLogin(url: string, files: TlsFiles | undefined): Promise<Login> {
  const server = url.includes('://') ? url : `${files === undefined ? 'http' : 'https'}://${url}`;
  if (files === undefined) return { server, headers: {}, tls: {} };
  const remedy = "check the option 'tls'";
  const cert = await readCredential(files.cert, remedy);
  const key = await readCredential(files.key, remedy);
  const ca = await readCredential(files.ca, remedy);
  return { server, headers: {}, tls: { cert, key, ca } };
}

async function readCredential(file: string, remedy: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)} (${remedy})`, { cause: error });
  }
}
