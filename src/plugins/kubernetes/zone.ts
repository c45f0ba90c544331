import type { Answer } from '../../core/answer.ts';
import { buildAnswer } from '../../core/encode.ts';
import type { Query } from '../../core/query.ts';
import { FLAG, RCODE, TYPE } from '../../dns/codes.ts';
import { addressOfReverseName } from '../../dns/ip.ts';
import { below, isReverseZone, isWithin, keyOf } from '../../dns/name.ts';
import { addressRecord, nameRecord, type ResourceRecord, soaRecord, txtRecord } from '../../dns/record.ts';
import { type BackendOptions, type Finding, find } from './backend.ts';
import { aliasTarget, type Chase, chase } from './alias.ts';
import type { Directory } from './directory.ts';
import { type NameServer, nameServers } from './name-servers.ts';
import { addressRecords, srvRecords } from './records.ts';
import { type Grammar, subjectOf, zoneAsAsked } from './question.ts';
import { namesOfAddress } from './reverse.ts';

/** The version of the Kubernetes DNS specification that `dns-version` names. */
const DNS_VERSION = '1.1.0';
const DNS_VERSION_TTL = 28_800;
const MAX_NEGATIVE_TTL = 300;

export interface ZoneOptions extends BackendOptions {
  readonly grammar: Grammar;
  readonly ttl: number;
  /** Ends the targets of PTR records. */
  readonly primaryZone: string;
  readonly served: (namespace: string) => boolean;
  /** The server's own addresses, without loopback. */
  readonly ownAddresses: readonly string[];
}

/**
 * What the zone says to a question.
 *
 *     answer     all there is to say, true until one of the directory's traces changes
 *     missing    no such name, and why; the caller decides between fallthrough, SERVFAIL and NXDOMAIN
 *     alias      a chain that leaves the zone: its records so far, and the name that the server is to be asked for
 */
export type Reading =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'missing'; readonly why: string }
  | { readonly kind: 'alias'; readonly records: readonly ResourceRecord[]; readonly target: string };

/** Answers questions for one zone, from a directory, by the book: Kubernetes DNS specification 1.1.0, sections 2.2-2.5. */
export class ZoneReader {
  readonly #directory: Directory;
  readonly #options: ZoneOptions;
  readonly #serial: () => number;

  constructor(directory: Directory, options: ZoneOptions, serial: () => number) {
    this.#directory = directory;
    this.#options = options;
    this.#serial = serial;
  }

  /** `zone`: the key of the zone that covers the query. */
  read(query: Query, zone: string): Reading {
    switch (query.type) {
      case TYPE.SOA:
        return query.key === zone ? this.#records(query, zone, [this.soa(query, zone)]) : this.#nothing(query, zone);
      case TYPE.NS:
        return query.key === zone ? this.#readNameServers(query, zone) : this.#readForward(query, zone);
      case TYPE.TXT:
        return this.#readText(query, zone);
      case TYPE.PTR:
        return this.#readPointer(query, zone);
      default:
        return this.#readForward(query, zone);
    }
  }

  /** The zone's SOA record, in the letters of the question. */
  soa(query: Query, zone: string): ResourceRecord {
    const { ttl } = this.#options;
    const name = zoneAsAsked(query.text, zone);
    return soaRecord(name, Math.min(ttl, MAX_NEGATIVE_TTL), {
      mname: below('ns.dns', name),
      rname: below('hostmaster', name),
      serial: this.#serial(),
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    });
  }

  /** An answer without records, with the SOA that says for how long there will be none (RFC 2308). */
  negative(query: Query, zone: string, rcode: number, reason: string): Answer {
    const authority = [this.soa(query, zone)];
    return buildAnswer(query, { rcode, flags: FLAG.AA, source: 'kubernetes', live: true, authority, reason });
  }

  #readForward(query: Query, zone: string): Reading {
    const finding = this.#find(query.key, zone);
    switch (finding.kind) {
      case 'missing':
        return finding;
      case 'container':
        return this.#nothing(query, zone);
      case 'alias':
        return this.#readAlias(query, zone, finding.target);
      case 'addresses':
        return this.#readEntries(query, zone, finding);
      default:
        return finding satisfies never;
    }
  }

  #readEntries(query: Query, zone: string, { entries }: Extract<Finding, { kind: 'addresses' }>): Reading {
    const { ttl } = this.#options;
    switch (query.type) {
      case TYPE.A:
      case TYPE.AAAA:
        return this.#records(query, zone, addressRecords(query.text, query.type, entries, ttl));
      case TYPE.SRV: {
        const { answer, additional } = srvRecords(query.text, zoneAsAsked(query.text, zone), entries, ttl);
        return this.#records(query, zone, answer, additional);
      }
      default:
        return this.#nothing(query, zone);
    }
  }

  #readAlias(query: Query, zone: string, target: string): Reading {
    const { ttl } = this.#options;
    switch (query.type) {
      case TYPE.CNAME:
        return this.#records(query, zone, [nameRecord(query.text, TYPE.CNAME, ttl, aliasTarget(target))]);
      case TYPE.A:
      case TYPE.AAAA: {
        const chased = chase(query.text, target, this.#chaser(query, zone));
        if (chased.outside !== undefined) return { kind: 'alias', records: chased.records, target: chased.outside };
        return this.#records(query, zone, chased.records);
      }
      default:
        return this.#nothing(query, zone);
    }
  }

  #chaser(query: Query, zone: string): Chase {
    const { ttl } = this.#options;
    return {
      ttl,
      isInside: (name) => isWithin(keyOf(name), zone),
      find: (name) => this.#find(keyOf(name), zone),
      addresses: (owner, entries) => addressRecords(owner, query.type, entries, ttl),
    };
  }

  #readNameServers(query: Query, zone: string): Reading {
    const { ttl } = this.#options;
    const zoneName = zoneAsAsked(query.text, zone);
    const servers = this.#nameServers().map(({ host, address }) => ({ name: below(host, zoneName), address }));
    const names = new Set(servers.map((server) => server.name));
    const answer = [...names].map((name) => nameRecord(query.text, TYPE.NS, ttl, name));
    const additional = servers.map((server) => addressRecord(server.name, ttl, server.address));
    return this.#records(query, zone, answer, additional);
  }

  #nameServers(): NameServer[] {
    return nameServers(this.#options.ownAddresses, this.#directory, this.#options);
  }

  #readText(query: Query, zone: string): Reading {
    if (query.key === below('dns-version', zone)) {
      return this.#records(query, zone, [txtRecord(query.text, DNS_VERSION_TTL, DNS_VERSION)]);
    }
    const finding = this.#findListed(query.key, zone);
    if (finding.kind === 'container') return { kind: 'missing', why: 'the name has no data of its own' };
    return this.#readExistence(query, zone, finding);
  }

  #readPointer(query: Query, zone: string): Reading {
    const address = addressOfReverseName(query.key);
    if (address === undefined) return this.#readExistence(query, zone, this.#findListed(query.key, zone));
    const { ttl, primaryZone } = this.#options;
    const names = namesOfAddress(address, this.#directory, this.#options);
    if (names.length === 0) return { kind: 'missing', why: `no service or ready endpoint has the address ${address}` };
    return this.#records(
      query,
      zone,
      names.map((name) => nameRecord(query.text, TYPE.PTR, ttl, below(name, primaryZone))),
    );
  }

  /** NODATA, whatever was found. */
  #readExistence(query: Query, zone: string, finding: Finding): Reading {
    return finding.kind === 'missing' ? finding : this.#nothing(query, zone);
  }

  #find(key: string, zone: string): Finding {
    return this.#findOwnName(key, zone) ?? this.#findListed(key, zone);
  }

  /** `ns.dns.ZONE`, also with a search domain behind it, stands for the name servers; TXT and PTR do not know it. */
  #findOwnName(key: string, zone: string): Finding | undefined {
    if (zone === '.' || !key.startsWith(`ns.dns.${zone}`)) return undefined;
    return {
      kind: 'addresses',
      entries: this.#nameServers().map(({ host, address }) => ({ host, address, port: -1 })),
    };
  }

  #findListed(key: string, zone: string): Finding {
    if (key !== zone && isReverseZone(zone))
      return { kind: 'missing', why: 'a reverse zone has only names of addresses' };
    return find(subjectOf(key, zone, this.#options.grammar), this.#directory, this.#options);
  }

  /** Records are an answer, none are NODATA. */
  #records(
    query: Query,
    zone: string,
    answer: readonly ResourceRecord[],
    additional: readonly ResourceRecord[] = [],
  ): Reading {
    if (answer.length === 0) return this.#nothing(query, zone);
    const head = { rcode: RCODE.NOERROR, flags: FLAG.AA, source: 'kubernetes', live: true };
    return { kind: 'answer', answer: buildAnswer(query, { ...head, answer, additional }) };
  }

  #nothing(query: Query, zone: string): Reading {
    return { kind: 'answer', answer: this.negative(query, zone, RCODE.NOERROR, 'the name has no record of this type') };
  }
}
