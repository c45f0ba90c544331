import { isIPv6 } from 'node:net';
import { TYPE } from '../../dns/codes.ts';
import { absolute, below } from '../../dns/name.ts';
import { addressRecord, type ResourceRecord, srvRecord } from '../../dns/record.ts';
import type { Entry } from './backend.ts';

/** Records from entries; each `ttl` in seconds. */

/** One A or AAAA record at `owner` for each address of the family that `type` asks for. */
export function addressRecords(
  owner: string,
  type: number,
  addresses: Iterable<string>,
  ttl: number,
): ResourceRecord[] {
  const wanted = [...new Set(addresses)].filter((address) => isIPv6(address) === (type === TYPE.AAAA));
  return wanted.map((address) => addressRecord(owner, ttl, address));
}

export interface SrvRecords {
  readonly answer: readonly ResourceRecord[];
  /** The addresses that are known. */
  readonly additional: readonly ResourceRecord[];
  /** Targets whose addresses are not: absolute host names of load balancers. */
  readonly hosts: readonly string[];
}

/**
 * One SRV record at `owner` for each target and port. All entries share the weight of 100, counted before equal ones are
 * joined. `zone` ends the names of what has addresses of its own.
 */
export function srvRecords(
  owner: string,
  zone: string,
  entries: readonly Entry[],
  ttl: { readonly srv: number; readonly address: number },
): SrvRecords {
  const weight = Math.max(1, Math.floor(100 / entries.length));
  const answer = new Map<string, ResourceRecord>();
  const additional = new Map<string, ResourceRecord>();
  const hosts = new Set<string>();
  for (const entry of entries) {
    if (entry.port < 0) continue;
    const target = entry.isAddress ? below(entry.host, zone) : absolute(entry.target);
    const data = { priority: 0, weight, port: entry.port, target };
    answer.set(`${target} ${entry.port}`, srvRecord(owner, ttl.srv, data));
    if (entry.isAddress) additional.set(`${target} ${entry.target}`, addressRecord(target, ttl.address, entry.target));
    else hosts.add(target);
  }
  return { answer: [...answer.values()], additional: [...additional.values()], hosts: [...hosts] };
}
