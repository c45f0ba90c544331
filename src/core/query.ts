import { CLASS, OPCODE } from '../dns/codes.ts';
import { HEADER_BYTES } from '../dns/message.ts';
import { MAX_NAME_BYTES, wireToText } from '../dns/name.ts';

export type Transport = 'udp' | 'tcp';

/** Who asks, and over what: the same for all queries of one TCP connection. */
export interface Peer {
  readonly transport: Transport;
  /** Client address as text, IPv4 not mapped into IPv6, and port. */
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
  /** The address and port that were asked, as the listener knows them. */
  readonly localAddress: string;
  readonly localPort: number;
  /** The listener's name in metrics and logs: `dns://:53`. */
  readonly server: string;
}

/** What a client without EDNS takes over UDP (RFC 1035 4.2.1), and the least that any client takes (RFC 6891 6.2.5). */
export const UDP_BYTES = 512;

/** A peer for questions that the server asks itself. */
export const ownPeer: Peer = {
  transport: 'tcp',
  address: '127.0.0.1',
  port: 0,
  family: 4,
  localAddress: '127.0.0.1',
  localPort: 0,
  server: '',
};

/**
 * One question on its way through the chain, with what its packet says besides. `parseQuery` fills it in place: a
 * listener uses one Query again and again, so a handler that keeps it beyond its outcome takes a `copy()`.
 *
 * Whatever costs a string is made on demand: a cluster answer found in the memo needs none.
 */
export class Query {
  /** The packet; after `questionEnd` bytes it may hold anything. */
  wire: Buffer = Buffer.alloc(0);
  peer: Peer = ownPeer;
  id = 0;
  opcode: number = OPCODE.QUERY;
  /** Header bits as received. */
  flags = 0;
  type = 0;
  class: number = CLASS.IN;
  /** First byte after the question. */
  questionEnd = 0;
  /** The name as uncompressed lower-case wire: the first `nameLength` bytes. */
  readonly name: Buffer = Buffer.alloc(MAX_NAME_BYTES);
  nameLength = 0;
  /** A signed 32-bit hash of `name`, seeded per process. Names with equal hashes may differ. */
  hash = 0;
  /** True when the name as asked has an upper-case letter. */
  mixedCase = false;
  hasEdns = false;
  /** What the client advertises, or 512 without EDNS. */
  udpSize = UDP_BYTES;
  dnssecOk = false;
  /** How many questions of the server's own lead here from the one that a client asked. */
  hops = 0;
  /** Set by `loadbalance`: the reply puts address records into random order. */
  shuffle = false;
  #key = '';
  #text = '';

  /** The name in lower case, presentation form. */
  get key(): string {
    if (this.#key === '') this.#key = wireToText(this.name);
    return this.#key;
  }

  /** The name as asked, presentation form. */
  get text(): string {
    if (this.#text === '') this.#text = this.mixedCase ? wireToText(this.wire, HEADER_BYTES) : this.key;
    return this.#text;
  }

  /** Forgets the question and all that came after it in the packet, as before a packet is read. */
  clear(): void {
    this.type = 0;
    this.class = 0;
    this.questionEnd = HEADER_BYTES;
    this.name[0] = 0;
    this.nameLength = 1;
    this.hash = 0;
    this.mixedCase = false;
    this.hasEdns = false;
    this.udpSize = UDP_BYTES;
    this.dnssecOk = false;
    this.shuffle = false;
    this.hops = 0;
    this.#key = '';
    this.#text = '';
  }

  /** A query of its own for the same question, safe to keep. */
  copy(): Query {
    const copy = new Query();
    copy.wire = Buffer.from(this.wire);
    copy.peer = this.peer;
    copy.id = this.id;
    copy.opcode = this.opcode;
    copy.flags = this.flags;
    copy.type = this.type;
    copy.class = this.class;
    copy.questionEnd = this.questionEnd;
    this.name.copy(copy.name, 0, 0, this.nameLength);
    copy.nameLength = this.nameLength;
    copy.hash = this.hash;
    copy.mixedCase = this.mixedCase;
    copy.hasEdns = this.hasEdns;
    copy.udpSize = this.udpSize;
    copy.dnssecOk = this.dnssecOk;
    copy.shuffle = this.shuffle;
    copy.hops = this.hops;
    return copy;
  }
}
