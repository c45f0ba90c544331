import { isIP } from 'node:net';

/** An IP family as Service.spec.ipFamilies and EndpointSlice.addressType call it. */
export type IpFamily = 'IPv4' | 'IPv6';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** Why an address or port cannot be had, in the API server's words. */
export type Refusal = string;

const SERVICE_BASE = 0x0a60_0000; // 10.96.0.0/12
const SERVICE_COUNT = 2 ** 20;
const SERVICE_V6 = /^fd00:10:96::([1-9a-f][0-9a-f]{0,3})$/; // fd00:10:96::/112
const POD_COUNT = 2 ** 16; // 10.244.0.0/16, and as many of fd00:10:244::/112
const FIRST_NODE_PORT = 30_000;
const LAST_NODE_PORT = 32_767;

/**
 * Who holds which address of the cluster. A Service's addresses and node ports follow from its namespace and name, so
 * they are the same at every start; a pod takes the next free address, so that one made again has a new one. Asking
 * takes nothing: what was stored is told with `hold`.
 */
export class Addresses {
  readonly #services = new Map<string, string>();
  readonly #pods = new Map<string, number>();
  #lastPod = 1;

  /** Notes that `owner`, a Service's `namespace/name`, holds `what`: an address, or a node port as `TCP/30080`. */
  hold(owner: string, what: string): void {
    this.#services.set(what, owner);
  }

  release(what: string): void {
    this.#services.delete(what);
  }

  /** Pods may share an address, as those on their node's network do. */
  holdPod(address: string): void {
    this.#pods.set(address, (this.#pods.get(address) ?? 0) + 1);
  }

  releasePod(address: string): void {
    const left = (this.#pods.get(address) ?? 1) - 1;
    if (left === 0) this.#pods.delete(address);
    else this.#pods.set(address, left);
  }

  /** The family's address for a Service that asks for none. */
  clusterIp(family: IpFamily, owner: string): string {
    const written = family === 'IPv4' ? serviceV4 : serviceV6;
    const count = family === 'IPv4' ? SERVICE_COUNT : 2 ** 16;
    return written(1 + firstFree(owner, count - 2, (offset) => !this.#isTaken(written(1 + offset), owner)));
  }

  /** Why `owner` cannot have the cluster address it asks for. */
  refusesClusterIp(address: string, owner: string): Refusal | undefined {
    const inRange = isIP(address) === 4 ? isServiceV4(address) : SERVICE_V6.test(address);
    if (!inRange) return `failed to allocate IP ${address}: the provided network does not match the current range`;
    const taken = this.#isTaken(address, owner);
    return taken ? `failed to allocate IP ${address}: provided IP is already allocated` : undefined;
  }

  /** The node port for a Service's port that asks for none; `chosen` are those its other ports just got. */
  nodePort(protocol: Protocol, port: number, owner: string, chosen: ReadonlySet<number>): number {
    const free = (offset: number): boolean => {
      const nodePort = FIRST_NODE_PORT + offset;
      return !chosen.has(nodePort) && !this.#isTaken(`${protocol}/${nodePort}`, owner);
    };
    return FIRST_NODE_PORT + firstFree(`${owner}:${port}`, LAST_NODE_PORT - FIRST_NODE_PORT + 1, free);
  }

  refusesNodePort(protocol: Protocol, nodePort: number, owner: string): Refusal | undefined {
    if (nodePort < FIRST_NODE_PORT || nodePort > LAST_NODE_PORT) {
      return `provided port is not in the valid range. The range of valid ports is ${FIRST_NODE_PORT}-${LAST_NODE_PORT}`;
    }
    return this.#isTaken(`${protocol}/${nodePort}`, owner) ? 'provided port is already allocated' : undefined;
  }

  /** The next pod's addresses, IPv4 first. */
  podIps(): readonly [string, string] {
    for (let tried = 0; tried < POD_COUNT; tried++) {
      this.#lastPod = (this.#lastPod + 1) % POD_COUNT;
      const lowByte = this.#lastPod & 255;
      const address = `10.244.${this.#lastPod >> 8}.${lowByte}`;
      if (lowByte === 0 || lowByte === 255 || this.#pods.has(address)) continue;
      return [address, `fd00:10:244::${this.#lastPod.toString(16)}`];
    }
    throw new Error('the cluster has no free pod address left in 10.244.0.0/16');
  }

  #isTaken(what: string, owner: string): boolean {
    const holder = this.#services.get(what);
    return holder !== undefined && holder !== owner;
  }
}

/** The first free number of 0 to `span` - 1, searched from where the hash of `seed` points. */
function firstFree(seed: string, span: number, free: (offset: number) => boolean): number {
  const start = fnv1a(seed) % span;
  for (let tried = 0; tried < span; tried++) {
    const offset = (start + tried) % span;
    if (free(offset)) return offset;
  }
  throw new Error(`the cluster has no address or port left to give to ${seed}`);
}

/** The FNV-1a hash of `text`, 32 bits: what makes addresses and template hashes the same at every start. */
export function fnv1a(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  }
  return hash >>> 0;
}

function serviceV4(offset: number): string {
  const address = SERVICE_BASE + offset;
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
}

function serviceV6(offset: number): string {
  return `fd00:10:96::${offset.toString(16)}`;
}

function isServiceV4(address: string): boolean {
  const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return value > SERVICE_BASE && value < SERVICE_BASE + SERVICE_COUNT - 1;
}
