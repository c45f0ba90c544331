import { isIPv6 } from 'node:net';
import { TYPE } from '../../dns/codes.ts';
import { addressRecord, type ResourceRecord, srvRecord } from '../../dns/record.ts';
import type { Entry } from './entries.ts';

/** Records from entries; `ttl` in seconds. */

/** One A or AAAA record at `owner` for each address of the family that `type` asks for. */
export function addressRecords(owner: string, type: number, entries: readonly Entry[], ttl: number): ResourceRecord[] {
  const wanted = entries.filter((entry) => isIPv6(entry.address) === (type === TYPE.AAAA));
  return distinct(wanted.map((entry) => entry.address)).map((address) => addressRecord(owner, ttl, address));
}

export interface SrvRecords {
  readonly answer: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

/**
 * One SRV record at `owner` for each host and port, and the hosts' addresses. All entries share the weight of 100, counted
 * before equal ones are joined. `zone` ends the hosts' names, in the letters of the question.
 */
export function srvRecords(owner: string, zone: string, entries: readonly Entry[], ttl: number): SrvRecords {
  const weight = Math.max(1, Math.floor((100 / (100 * entries.length)) * 100));
  const known = entries.filter((entry) => entry.port >= 0);
  const targetOf = (entry: Entry): string => (zone === '.' ? `${entry.host}.` : `${entry.host}.${zone}`);
  return {
    answer: distinctBy(known, (entry) => `${targetOf(entry)} ${entry.port}`).map((entry) =>
      srvRecord(owner, ttl, { priority: 0, weight, port: entry.port, target: targetOf(entry) }),
    ),
    additional: distinctBy(known, (entry) => `${targetOf(entry)} ${entry.address}`).map((entry) =>
      addressRecord(targetOf(entry), ttl, entry.address),
    ),
  };
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function distinctBy<T>(values: readonly T[], keyOf: (value: T) => string): T[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const key = keyOf(value);
    return !seen.has(key) && seen.add(key);
  });
}
