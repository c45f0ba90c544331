import type { Kind } from '../../src/kube/objects.ts';

/**
 * Kubernetes objects in one line each, as raw API objects, so that what is read from them is read as from an API server.
 *
 *     namespace default [label=value ...]
 *     service default/web 10.96.1.1[,fd00::1] [name:port[/PROTOCOL] ...]      one cluster address for each family
 *     service default/db None http:80                                         headless
 *     service default/out external www.example.test
 *     slice default/web-a of web 10.244.0.1 10.244.0.2!notready [http:8080]
 *     pod default/web-1 10.244.0.1[,fd00::1]
 *     import default/web 10.7.0.1[,fd00::7] [http:80 ...]                     a ServiceImport; None: headless
 *     imported default/web-east of web in east 10.1.0.1 [http:8080]           a slice of one
 *
 * An endpoint is `ADDRESS[=hostname][@pod][~zone][!condition]`, conditions notready, terminating, unknown, and published:
 * terminating, of a service that publishes what is not ready. A pod that is being deleted is `ADDRESS!terminating`. A
 * service, a slice and a namespace may end in `label=value` words.
 */
export interface RawObject extends Body {
  readonly kind: Kind;
}

interface Body {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** Throws an Error that quotes the line. */
export function readObject(line: string, resourceVersion: number): RawObject {
  const [word = '', path = '', ...rest] = line.trim().split(/\s+/);
  const labels = Object.fromEntries(rest.filter((text) => isLabel(text)).map((text) => text.split('=', 2)));
  const words = rest.filter((text) => !isLabel(text));
  const [namespace = '', name = ''] = path.includes('/') ? path.split('/') : ['', path];
  const metadata = { namespace, name, labels, resourceVersion: String(resourceVersion) };
  switch (word) {
    case 'namespace':
      return { kind: 'Namespace', metadata };
    case 'service':
      return { kind: 'Service', metadata, spec: serviceSpec(words) };
    case 'slice':
      return { kind: 'EndpointSlice', ...slice(metadata, { 'kubernetes.io/service-name': words[1] }, words.slice(2)) };
    case 'import':
      return { kind: 'ServiceImport', metadata, spec: importSpec(words) };
    case 'imported':
      return { kind: 'MulticlusterSlice', ...slice(metadata, importLabels(words), words.slice(4)) };
    case 'pod':
      return pod(metadata, words[0] ?? '');
    default:
      throw new Error(`no object: ${line}`);
  }
}

function isLabel(word: string): boolean {
  return /^[a-z][\w./-]*=[\w.-]*$/.test(word);
}

function serviceSpec([first = '', ...rest]: readonly string[]): object {
  if (first === 'external') return { type: 'ExternalName', externalName: rest[0] };
  const clusterIPs = first === '-' ? [] : first.split(',');
  return { type: 'ClusterIP', clusterIP: clusterIPs[0] ?? '', clusterIPs, ports: rest.map(port) };
}

function port(word: string): object {
  const [, name = '', number = '', protocol = 'TCP'] = /^([\w-]*):(\d+)(?:\/(\w+))?$/.exec(word) ?? [];
  return { ...(name === '' ? {} : { name }), port: Number(number), protocol };
}

type Metadata = Body['metadata'] & { readonly labels: object };

function importSpec([first = '', ...ports]: readonly string[]): object {
  const isHeadless = first === 'None';
  const ips = first === '-' || isHeadless ? [] : first.split(',');
  return { type: isHeadless ? 'Headless' : 'ClusterSetIP', ips, ports: ports.map(port) };
}

function importLabels([, service, , cluster]: readonly string[]): object {
  return { 'multicluster.kubernetes.io/service-name': service, 'multicluster.kubernetes.io/source-cluster': cluster };
}

function slice(metadata: Metadata, labels: object, words: readonly string[]): Body {
  const addresses = words.filter((word) => !isPort(word));
  const ports = words.filter((word) => isPort(word));
  return {
    metadata: { ...metadata, labels: { ...metadata.labels, ...labels } },
    addressType: addresses.some((word) => word.includes('::')) ? 'IPv6' : 'IPv4',
    endpoints: addresses.length === 0 ? null : addresses.map(endpoint),
    ports: ports.length === 0 ? null : ports.map((word) => ({ name: '', ...port(word) })),
  };
}

function isPort(word: string): boolean {
  return /^[a-z][\w-]*:\d+|^:\d+/.test(word);
}

const conditions: Readonly<Record<string, object>> = {
  '': { ready: true, serving: true, terminating: false },
  notready: { ready: false, serving: false, terminating: false },
  terminating: { ready: false, serving: true, terminating: true },
  published: { ready: true, serving: false, terminating: true },
  unknown: {},
};

function endpoint(word: string): object {
  const [, address = '', hostname, podName, zone, condition = ''] =
    /^([^=@~!]+)(?:=([^@~!]+))?(?:@([^~!]+))?(?:~([^!]+))?(?:!(\w+))?$/.exec(word) ?? [];
  return {
    addresses: [address],
    conditions: conditions[condition],
    ...(hostname === undefined ? {} : { hostname }),
    ...(podName === undefined ? {} : { targetRef: { kind: 'Pod', name: podName } }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function pod(metadata: Metadata, word: string): RawObject {
  const [addresses = '', condition] = word.split('!');
  const podIPs = addresses.split(',').flatMap((ip) => (ip === '' ? [] : [{ ip }]));
  const ending = condition === 'terminating' ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {};
  return {
    kind: 'Pod',
    metadata: { ...metadata, ...ending },
    status: { phase: 'Running', podIP: podIPs[0]?.ip, podIPs },
  };
}
