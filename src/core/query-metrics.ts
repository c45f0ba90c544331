/**
 * What is counted of every query and its answer: the `coredns_dns_*` metrics, under the reference's names and labels.
 *
 *     queryInstruments(metrics)                    once for each user of them
 *     new QueryMeter(instruments, place)           once for each listener and zone: labels become cells
 *     meter.answered(query, answer, ...)           for each query: a few additions, no strings
 *
 * `prometheus` counts what comes to its block; what no block has seen the server counts, by `dropCounter`.
 */
import { RCODE, rcodeName, TYPE, typeName } from '../dns/codes.ts';
import { HEADER_BYTES } from '../dns/message.ts';
import { exponentialBuckets } from '../metrics/histogram.ts';
import type { Counter, CounterCell, Histogram, HistogramCell, Metrics } from '../metrics/metrics.ts';
import { type Answer, noReply } from './answer.ts';
import { Capability } from './capability.ts';
import { QueryError } from './handler.ts';
import type { Query } from './query.ts';

/** A zone of a server block on one listener, as the labels name them: `dns://:53`, `cluster.local.`. */
export interface ServedZone {
  readonly server: string;
  readonly zone: string;
}

/** Where a block is served: the server provides it, before any instance starts. */
export const servedZones = new Capability<ServedZone>();

/** The labels that say where a query was counted. */
export interface Place extends ServedZone {
  /** The name of a `view`; '' without one. */
  readonly view: string;
}

type PlaceLabel = 'server' | 'zone' | 'view';

export interface QueryInstruments {
  readonly requests: Counter<PlaceLabel | 'proto' | 'family' | 'type'>;
  readonly duration: Histogram<PlaceLabel>;
  readonly requestSize: Histogram<PlaceLabel | 'proto'>;
  readonly dnssecOk: Counter<PlaceLabel>;
  readonly responseSize: Histogram<PlaceLabel | 'proto'>;
  readonly responses: Counter<PlaceLabel | 'rcode' | 'plugin'>;
}

const TIME_BUCKETS = exponentialBuckets(0.00025, 2, 16);
const SIZE_BUCKETS = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3];

/** The instruments of the process; those of one `metrics` are the same for whoever asks. */
export function queryInstruments(metrics: Metrics): QueryInstruments {
  const place = ['server', 'zone', 'view'] as const;
  return {
    requests: metrics.counter({
      name: 'coredns_dns_requests_total',
      help: 'Counter of DNS requests made per zone, protocol and family.',
      labels: [...place, 'proto', 'family', 'type'],
    }),
    duration: metrics.histogram({
      name: 'coredns_dns_request_duration_seconds',
      help: 'Histogram of the time (in seconds) each request took per zone.',
      labels: place,
      buckets: TIME_BUCKETS,
    }),
    requestSize: metrics.histogram({
      name: 'coredns_dns_request_size_bytes',
      help: 'Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.',
      labels: [...place, 'proto'],
      buckets: SIZE_BUCKETS,
    }),
    dnssecOk: metrics.counter({
      name: 'coredns_dns_do_requests_total',
      help: 'Counter of DNS requests with DO bit set per zone.',
      labels: place,
    }),
    responseSize: metrics.histogram({
      name: 'coredns_dns_response_size_bytes',
      help: 'Size of the returned response in bytes.',
      labels: [...place, 'proto'],
      buckets: SIZE_BUCKETS,
    }),
    responses: metrics.counter({
      name: 'coredns_dns_responses_total',
      help: 'Counter of response status codes.',
      labels: [...place, 'rcode', 'plugin'],
    }),
  };
}

const { A, AAAA, ANY, AXFR, CNAME, DNSKEY, DS, HTTPS, IXFR, MX, NS, NSEC, NSEC3, PTR, RRSIG, SOA, SRV, SVCB, TXT } =
  TYPE;

/** The types with a label of their own; all others are `other`, so that no client can make the metrics grow. */
const COUNTED_TYPES = [
  A,
  AAAA,
  ANY,
  AXFR,
  CNAME,
  DNSKEY,
  DS,
  HTTPS,
  IXFR,
  MX,
  NS,
  NSEC,
  NSEC3,
  PTR,
  RRSIG,
  SOA,
  SRV,
  SVCB,
  TXT,
];
const TYPE_LABELS = ['other', ...COUNTED_TYPES.map(typeName)];
/** By type: its place among the labels. */
const LABEL_OF_TYPE = new Uint8Array(Math.max(...COUNTED_TYPES) + 1);
for (const [i, type] of COUNTED_TYPES.entries()) LABEL_OF_TYPE[type] = i + 1;

/** The instruments for one place. Cells are made when they are first counted in, as only then they are to be exposed. */
export class QueryMeter {
  readonly #instruments: QueryInstruments;
  readonly #place: Place;
  readonly #duration: HistogramCell;
  readonly #dnssecOk: CounterCell;
  readonly #udp: TransportCells;
  readonly #tcp: TransportCells;
  readonly #responses = new Map<string, Map<number, CounterCell>>();

  constructor(instruments: QueryInstruments, place: Place) {
    this.#instruments = instruments;
    this.#place = place;
    this.#duration = instruments.duration.with(place);
    this.#dnssecOk = instruments.dnssecOk.with(place);
    this.#udp = transportCells(instruments, place, 'udp');
    this.#tcp = transportCells(instruments, place, 'tcp');
  }

  /** Counts a query whose packet had `requestBytes`, answered after `seconds`; the answer's size is that before EDNS and cuts. */
  answered(query: Query, requestBytes: number, answer: Answer, seconds: number): void {
    const bytes = answer === noReply ? 0 : replyBytes(query, answer.wholeBytes);
    this.#count(query, requestBytes, bytes, seconds);
    this.#response(answer.source, answer.rcode).inc();
  }

  /** Counts a query that ended in `error`, so that the client gets an rcode and nothing else. */
  failed(query: Query, requestBytes: number, error: unknown, seconds: number): void {
    this.rejected(query, requestBytes, error instanceof QueryError ? error.rcode : RCODE.SERVFAIL, seconds);
  }

  /** Counts a query that no plugin answered: the client gets `rcode` and nothing else. */
  rejected(query: Query, requestBytes: number, rcode: number, seconds: number): void {
    this.#count(query, requestBytes, replyBytes(query, 0), seconds);
    this.#response('', rcode).inc();
  }

  #count(query: Query, requestBytes: number, responseBytes: number, seconds: number): void {
    const { transport, family } = query.peer;
    const cells = transport === 'udp' ? this.#udp : this.#tcp;
    const label = LABEL_OF_TYPE[query.type] ?? 0;
    const byType = family === 4 ? cells.requests4 : cells.requests6;
    (byType[label] ??= this.#requests(transport, family, label)).inc();
    if (query.dnssecOk) this.#dnssecOk.inc();
    this.#duration.observe(seconds);
    cells.requestSize.observe(requestBytes);
    cells.responseSize.observe(responseBytes);
  }

  #requests(proto: 'udp' | 'tcp', family: 4 | 6, label: number): CounterCell {
    const type = TYPE_LABELS[label] ?? 'other';
    return this.#instruments.requests.with({ ...this.#place, proto, family: family === 4 ? '1' : '2', type });
  }

  #response(plugin: string, rcode: number): CounterCell {
    return this.#responses.get(plugin)?.get(rcode) ?? this.#newResponse(plugin, rcode);
  }

  #newResponse(plugin: string, rcode: number): CounterCell {
    const byRcode = this.#responses.get(plugin) ?? new Map<number, CounterCell>();
    const cell = this.#instruments.responses.with({ ...this.#place, rcode: rcodeName(rcode), plugin });
    this.#responses.set(plugin, byRcode.set(rcode, cell));
    return cell;
  }
}

interface TransportCells {
  /** By the place of the type's label. */
  readonly requests4: (CounterCell | undefined)[];
  readonly requests6: (CounterCell | undefined)[];
  readonly requestSize: HistogramCell;
  readonly responseSize: HistogramCell;
}

function transportCells({ requestSize, responseSize }: QueryInstruments, place: Place, proto: string): TransportCells {
  const labels = { ...place, proto };
  return {
    requests4: TYPE_LABELS.map(() => undefined),
    requests6: TYPE_LABELS.map(() => undefined),
    requestSize: requestSize.with(labels),
    responseSize: responseSize.with(labels),
  };
}

/** The length of a reply with `wholeBytes` of records, before EDNS and cuts: what the metrics and the log report. */
export function replyBytes(query: Query, wholeBytes: number): number {
  const question = query.questionEnd > HEADER_BYTES ? query.nameLength + 4 : 0;
  return HEADER_BYTES + question + wholeBytes;
}

/**
 * Counts replies that no block has seen, under the zone `dropped`, which is no name: packets that are refused, names that
 * no block serves.
 */
export function dropCounter(metrics: Metrics): (query: Query, rcode: number) => void {
  const instruments = queryInstruments(metrics);
  const meters = new Map<string, QueryMeter>();
  return (query, rcode) => {
    const { server } = query.peer;
    const meter = meters.get(server) ?? new QueryMeter(instruments, { server, zone: 'dropped', view: '' });
    meters.set(server, meter);
    meter.rejected(query, query.wire.length, rcode, 0);
  };
}
