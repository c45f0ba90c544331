import { isIPv6 } from 'node:net';
import { reverseName } from '../../src/dns/ip.ts';
import type { Kind } from '../../src/kube/objects.ts';
import type { Replay } from '../kube/recorded.ts';
import { eventOf, itemsOf, type RawObject } from './playback.ts';

/** Every question, as `NAME TYPE`, that an object of a recording ever had to do with. */
export function questionsOf(recording: ReadonlyMap<Kind, Replay>): ReadonlySet<string> {
  const questions = new Set(['cluster.local. SOA', 'cluster.local. NS', 'nobody.default.svc.cluster.local. A']);
  for (const [kind, { first, lines, final }] of recording) {
    const events = lines.map(eventOf).filter(({ type }) => type !== 'BOOKMARK');
    const objects = [...(first === undefined ? [] : itemsOf(first)), ...events.map(({ object }) => object)];
    for (const object of [...objects, ...itemsOf(final)]) {
      for (const question of questionsAbout(kind, object)) questions.add(question);
    }
  }
  return questions;
}

function questionsAbout(kind: Kind, object: RawObject): readonly string[] {
  const { namespace = '', name = '', labels } = object.metadata;
  switch (kind) {
    case 'Namespace':
      return [`${name}.svc.cluster.local. A`, `${name}.pod.cluster.local. A`, `nobody.${name}.svc.cluster.local. A`];
    case 'Service':
      return aboutService(`${name}.${namespace}.svc.cluster.local.`, object);
    case 'EndpointSlice':
      return aboutSlice(`${labels?.['kubernetes.io/service-name']}.${namespace}.svc.cluster.local.`, object);
    case 'Pod':
      return (object.status?.podIPs ?? []).flatMap(({ ip }) =>
        addresses(`${dashed(ip)}.${namespace}.pod.cluster.local.`, ip),
      );
    case 'ServiceImport':
    case 'MulticlusterSlice':
      throw new Error(`nothing is recorded of ${kind}`);
    default:
      return kind satisfies never;
  }
}

function aboutService(service: string, { spec }: RawObject): readonly string[] {
  const ports = (spec?.ports ?? []).map(
    ({ name = '', protocol }) => `_${name}._${protocol.toLowerCase()}.${service} SRV`,
  );
  const reverse = (spec?.clusterIPs ?? []).flatMap(pointer);
  return [...['A', 'AAAA', 'SRV', 'CNAME', 'TXT'].map((type) => `${service} ${type}`), ...ports, ...reverse];
}

function aboutSlice(service: string, { endpoints }: RawObject): readonly string[] {
  return (endpoints ?? []).flatMap(({ addresses: [address = ''], hostname }) => [
    ...addresses(`${dashed(address)}.${service}`, address),
    ...(hostname === undefined ? [] : addresses(`${hostname}.${service}`, address)),
    ...pointer(address),
  ]);
}

/** The question whose answer the address is. */
function addresses(name: string, address: string): readonly string[] {
  return isIPv6(address) ? [`${name} AAAA`] : [`${name} A`];
}

function pointer(address: string): readonly string[] {
  const name = reverseName(address);
  return name === undefined ? [] : [`${name} PTR`];
}

function dashed(address: string): string {
  return address.replace(/[.:]/g, '-');
}
