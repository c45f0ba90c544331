import type { Answer } from '../../core/answer.ts';
import { buildAnswer, type Sections } from '../../core/encode.ts';
import type { Query } from '../../core/query.ts';
import { FLAG, RCODE, TYPE } from '../../dns/codes.ts';
import { addressOfReverseName } from '../../dns/ip.ts';
import { absolute, below, isWithin } from '../../dns/name.ts';
import { addressRecord, nameRecord, type ResourceRecord, soaRecord } from '../../dns/record.ts';
import { type BackendOptions, type Entry, find } from './backend.ts';
import type { ExternalDirectory } from './external-directory.ts';
import { nameServerAddresses } from './name-server.ts';
import { subjectOf } from './question.ts';
import { addressRecords, srvRecords } from './records.ts';

export interface ExternalZoneOptions extends BackendOptions {
  /** Of these records, in seconds, but for SRV. */
  readonly ttl: number;
  /** Of SRV records: as in the reference that of the cluster's own zones. */
  readonly srvTtl: number;
  readonly apex: string;
  /** Ends the targets of PTR records. */
  readonly primaryZone: string;
  /** The server's own addresses, without loopback. */
  readonly ownAddresses: readonly string[];
}

/**
 * What a zone says to a question.
 *
 *     answer     all there is to say, true until one of the directory's traces changes
 *     missing    no such name, and why; the caller decides between fallthrough, SERVFAIL and NXDOMAIN
 *     hosts      load balancers that have names: the records so far, and the names that the server is to be asked for
 */
export type Reading =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'missing'; readonly why: string }
  | { readonly kind: 'hosts'; readonly records: Required<Sections>; readonly hosts: readonly string[] };

/** Answers questions for external zones, from a directory. */
export class ExternalZone {
  readonly #directory: ExternalDirectory;
  readonly #options: ExternalZoneOptions;
  readonly #serial: () => number;

  constructor(directory: ExternalDirectory, options: ExternalZoneOptions, serial: () => number) {
    this.#directory = directory;
    this.#options = options;
    this.#serial = serial;
  }

  /** `zone`: the key of the zone that covers the query. */
  read(query: Query, zone: string): Reading {
    if (query.key === zone) return this.#readApex(query, zone);
    const apex = below(this.#options.apex, zone);
    if (isWithin(query.key, apex)) return this.#readBelowApex(query, zone, apex);
    const address = query.type === TYPE.PTR ? addressOfReverseName(query.key) : undefined;
    return address === undefined ? this.#readService(query, zone) : this.#readPointer(query, address);
  }

  /** An answer without records, with the SOA that says for how long there will be none (RFC 2308). */
  negative(query: Query, zone: string, rcode: number, reason: string): Answer {
    const authority = [this.soa(zone)];
    return buildAnswer(query, { rcode, flags: FLAG.AA, source: 'k8s_external', live: true, authority, reason });
  }

  /** The zone's SOA record. */
  soa(zone: string): ResourceRecord {
    const { ttl, apex } = this.#options;
    return soaRecord(zone, ttl, {
      mname: this.#nameServer(zone),
      rname: below(`hostmaster.${apex}`, zone),
      serial: this.#serial(),
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    });
  }

  /** What the zone has at its name server: the NS record and the addresses. */
  serverRecords(zone: string): ResourceRecord[] {
    return [this.#ns(zone), ...this.#serverAddresses(zone)];
  }

  #readApex(query: Query, zone: string): Reading {
    switch (query.type) {
      case TYPE.SOA:
        return this.#records(query, zone, [this.soa(zone)]);
      case TYPE.NS:
        return this.#answer(query, { answer: [this.#ns(zone)], additional: this.#serverAddresses(query.text) });
      default:
        return this.#nothing(query, zone);
    }
  }

  /** `apex` and the name server below it exist, and nothing else does. That is final: nobody else could know more. */
  #readBelowApex(query: Query, zone: string, apex: string): Reading {
    if (query.key === apex) return this.#nothing(query, zone);
    if (query.key !== this.#nameServer(zone)) {
      return { kind: 'answer', answer: this.negative(query, zone, RCODE.NXDOMAIN, `${apex} has only name servers`) };
    }
    if (query.type !== TYPE.A && query.type !== TYPE.AAAA) return this.#nothing(query, zone);
    const { ttl } = this.#options;
    return this.#records(query, zone, addressRecords(query.text, query.type, this.#ownAddresses(), ttl));
  }

  /** The name server of a zone; its letters are those of `zone`. */
  #nameServer(zone: string): string {
    return below(`ns1.${this.#options.apex}`, zone);
  }

  #ns(zone: string): ResourceRecord {
    return nameRecord(zone, TYPE.NS, this.#options.ttl, this.#nameServer(zone));
  }

  /** The name server's addresses at its name, in the letters of `zone`. */
  #serverAddresses(zone: string): ResourceRecord[] {
    return this.#ownAddresses().map((address) => addressRecord(this.#nameServer(zone), this.#options.ttl, address));
  }

  #ownAddresses(): readonly string[] {
    return nameServerAddresses(this.#options.ownAddresses, this.#directory, this.#options);
  }

  #readPointer(query: Query, address: string): Reading {
    const { ttl, primaryZone } = this.#options;
    const services = this.#directory
      .servicesByExternalAddress(address)
      .filter(({ namespace }) => this.#directory.hasNamespace(namespace));
    if (services.length === 0) return { kind: 'missing', why: `no service has the external address ${address}` };
    const names = services.map(({ name, namespace }) => below(`${name}.${namespace}`, primaryZone));
    return this.#answer(query, { answer: names.map((name) => nameRecord(query.text, TYPE.PTR, ttl, name)) });
  }

  #readService(query: Query, zone: string): Reading {
    const finding = find(subjectOf(query.key, zone), this.#directory, this.#options);
    if (finding.kind === 'missing') return finding;
    switch (query.type) {
      case TYPE.A:
      case TYPE.AAAA:
        return this.#readAddresses(query, zone, finding.entries);
      case TYPE.SRV: {
        const { ttl, srvTtl } = this.#options;
        const times = { srv: srvTtl, address: ttl };
        const { answer, additional, hosts } = srvRecords(query.text, zone, finding.entries, times);
        if (hosts.length > 0) return { kind: 'hosts', records: { answer, authority: [], additional }, hosts };
        return this.#records(query, zone, answer, additional);
      }
      default:
        return this.#nothing(query, zone);
    }
  }

  /** An alias stands alone at its name (RFC 1034 3.6.2): addresses go before a host name, and of several the first counts. */
  #readAddresses(query: Query, zone: string, entries: readonly Entry[]): Reading {
    const { ttl } = this.#options;
    const addresses = entries.filter((entry) => entry.isAddress).map((entry) => entry.target);
    const [first] = entries;
    if (first === undefined || addresses.length > 0) {
      return this.#records(query, zone, addressRecords(query.text, query.type, addresses, ttl));
    }
    const host = absolute(first.target);
    const answer = [nameRecord(query.text, TYPE.CNAME, ttl, host)];
    return { kind: 'hosts', records: { answer, authority: [], additional: [] }, hosts: [host] };
  }

  /** Records are an answer, none are NODATA. */
  #records(
    query: Query,
    zone: string,
    answer: readonly ResourceRecord[],
    additional: readonly ResourceRecord[] = [],
  ): Reading {
    return answer.length === 0 ? this.#nothing(query, zone) : this.#answer(query, { answer, additional });
  }

  #answer(query: Query, sections: Sections): Reading {
    const head = { rcode: RCODE.NOERROR, flags: FLAG.AA, source: 'k8s_external', live: true };
    return { kind: 'answer', answer: buildAnswer(query, { ...head, ...sections }) };
  }

  #nothing(query: Query, zone: string): Reading {
    return { kind: 'answer', answer: this.negative(query, zone, RCODE.NOERROR, 'the name has no record of this type') };
  }
}
