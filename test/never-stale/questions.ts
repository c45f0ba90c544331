import { reverseName } from '../../src/dns/ip.ts';
import type { Objects } from '../oracle/oracle.ts';

/** How many questions about endpoints, pods and addresses are asked at a step; those about services all are. */
const OTHERS = 60;

/** Every question that the objects of now, or of any earlier moment, give rise to: `NAME TYPE`. */
export class Questions {
  readonly #all = new Set<string>();

  get all(): readonly string[] {
    return [...this.#all];
  }

  add({ services, slices, pods, namespaces }: Objects): void {
    for (const { metadata, spec } of services) {
      const base = `${metadata.name}.${metadata.namespace}.svc`;
      this.#addName(base);
      this.#addName(`_http._tcp.${base}`);
      for (const address of spec.clusterIPs ?? []) this.#addReverse(address);
    }
    for (const { metadata, endpoints } of slices) {
      const base = `${metadata.labels?.['kubernetes.io/service-name'] ?? 'none'}.${metadata.namespace}.svc`;
      for (const { addresses, hostname } of endpoints ?? []) {
        for (const address of addresses) {
          this.#addReverse(address);
          this.#addName(`${hostname ?? dashed(address)}.${base}`);
        }
      }
    }
    for (const { metadata, status } of pods) {
      for (const { ip } of status.podIPs ?? []) this.#addName(`${dashed(ip)}.${metadata.namespace}.pod`);
    }
    for (const { metadata } of namespaces) this.#addName(`${metadata.name}.svc`);
  }

  /** All about services, and some of the rest: other ones at each step. */
  at(step: number): string[] {
    const all = [...this.#all];
    const ofServices = all.filter((question) => /^(_http\._tcp\.)?[a-z-]+\.[a-z-]+\.svc\./.test(question));
    const others = all.filter((question) => !ofServices.includes(question));
    const stride = Math.max(1, Math.floor(others.length / OTHERS));
    return [...ofServices, ...others.filter((_, i) => (i + step) % stride === 0)];
  }

  #addName(name: string): void {
    for (const type of ['A', 'AAAA', 'SRV']) this.#all.add(`${name}.cluster.local. ${type}`);
  }

  /** `None` is no address. */
  #addReverse(address: string): void {
    const name = reverseName(address);
    if (name?.endsWith('in-addr.arpa.')) this.#all.add(`${name} PTR`);
  }
}

function dashed(address: string): string {
  return address.replace(/[.:]/g, '-').replace(/-$/, '-0');
}
