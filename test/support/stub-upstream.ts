import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { FLAG, RCODE, TYPE, typeName } from '../../src/dns/codes.ts';
import { encodeMessage, type Message, parseMessage } from '../../src/dns/message.ts';
import { addressRecord, nameRecord, type ResourceRecord, soaRecord, txtRecord } from '../../src/dns/record.ts';
import { flagWords } from '../../src/dns/text.ts';
import { withLength } from './dns-client.ts';

export type UpstreamTransport = 'udp' | 'tcp';

/** What the resolver sends for a query: messages one after the other, or raw bytes; none is silence. */
export type Respond = (query: Message, transport: UpstreamTransport) => readonly (Message | Buffer)[];

/** A resolver that says what a test tells it to, over UDP and TCP on one port of 127.0.0.1. */
export interface StubUpstream {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** The questions since the last call, `udp www.example.org. A [rd ad]`, in the order in which they came. */
  takeSeen(): string[];
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const PORT_ATTEMPTS = 20;

export async function startStubUpstream(respond: Respond): Promise<StubUpstream> {
  let seen: string[] = [];
  const answer = (wire: Buffer, transport: UpstreamTransport): Buffer[] => {
    const query = parseMessage(wire);
    seen.push(questionText(query, transport));
    return respond(query, transport).map((reply) => (Buffer.isBuffer(reply) ? reply : encodeMessage(reply)));
  };
  const clients = new Set<Socket>();
  const { udp, tcp, port } = await openBoth();
  udp.on('message', (wire, client) => {
    for (const reply of answer(wire, 'udp')) udp.send(reply, client.port, client.address);
  });
  tcp.on('connection', (client) => {
    clients.add(client);
    serveConnection(client, (wire) => answer(wire, 'tcp'));
  });
  return {
    address: `${HOST}:${port}`,
    takeSeen() {
      const taken = seen;
      seen = [];
      return taken;
    },
    async close() {
      for (const client of clients) client.destroy();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(resolve)),
        new Promise<void>((resolve) => tcp.close(() => resolve())),
      ]);
    },
  };
}

/** A port that is free for TCP may be taken for UDP: then another is tried. */
async function openBoth(): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const udp = createSocket('udp4');
    const tcp = createServer();
    udp.bind(0, HOST);
    await once(udp, 'listening');
    const { port } = udp.address();
    tcp.listen(port, HOST);
    try {
      await once(tcp, 'listening');
      return { udp, tcp, port };
    } catch (error) {
      udp.close();
      if (attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

function serveConnection(client: Socket, answer: (wire: Buffer) => Buffer[]): void {
  let unread: Buffer = Buffer.alloc(0);
  client.on('error', () => client.destroy());
  client.on('data', (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE()) {
      const end = 2 + unread.readUInt16BE();
      for (const reply of answer(unread.subarray(2, end))) client.write(withLength(reply));
      unread = unread.subarray(end);
    }
  });
}

function questionText({ questions, flags }: Message, transport: UpstreamTransport): string {
  const [question] = questions;
  const asked = question === undefined ? '(no question)' : `${question.name} ${typeName(question.type)}`;
  return `${transport} ${asked} [${flagWords(flags).join(' ')}]`;
}

/** The usual reply of a resolver: RA set, RD and CD as asked, EDNS where it was asked with. */
export function replyTo(query: Message, parts: Partial<Message>): Message {
  const flags = FLAG.QR | FLAG.RA | (query.flags & (FLAG.RD | FLAG.CD)) | (parts.flags ?? 0);
  const edns = query.edns === undefined ? undefined : { ...query.edns, version: 0, udpSize: 1232, options: [] };
  return { ...query, rcode: RCODE.NOERROR, answer: [], authority: [], additional: [], edns, ...parts, flags };
}

const EXAMPLE_TEST_SOA = soaRecord('example.test.', 300, {
  mname: 'ns.example.test.',
  rname: 'root.example.test.',
  serial: 1,
  refresh: 3600,
  retry: 600,
  expire: 86_400,
  minimum: 60,
});

/**
 * The upstream of the golden recordings: an A record for every name but those that begin with the label `empty`, made from
 * the name as it was sent; AAAA for www.example.test alone; NS and SOA of example.test for every name; else no data.
 */
export const goldenUpstream: Respond = (query) => {
  const [question] = query.questions;
  if (question === undefined) return [replyTo(query, { rcode: RCODE.FORMERR })];
  const answer = goldenRecords(question.name, question.type);
  return [replyTo(query, answer.length > 0 ? { answer } : { authority: [EXAMPLE_TEST_SOA] })];
};

function goldenRecords(name: string, type: number): ResourceRecord[] {
  const isWww = name.toLowerCase() === 'www.example.test.';
  if (/^empty\./i.test(name)) return [];
  switch (type) {
    case TYPE.A:
      return [addressRecord(name, 300, `192.0.2.${isWww ? 80 : nameHash(name)}`)];
    case TYPE.AAAA:
      return isWww ? [addressRecord(name, 300, '2001:db8::80')] : [];
    case TYPE.NS:
      return [nameRecord(name, TYPE.NS, 300, 'ns.example.test.')];
    case TYPE.SOA:
      return [EXAMPLE_TEST_SOA];
    default:
      return [];
  }
}

/** 0 to 255. */
function nameHash(name: string): number {
  let hash = 7;
  for (const char of name) hash = (Math.imul(31, hash) + char.charCodeAt(0)) >>> 0;
  return hash & 0xff;
}

const EXAMPLE_ORG_SOA = soaRecord('example.org.', 200, {
  mname: 'ns.example.org.',
  rname: 'host.example.org.',
  serial: 1,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 60,
});

const ROOT_SOA = soaRecord('.', 86_400, {
  mname: 'ns.',
  rname: 'host.',
  serial: 1,
  refresh: 2,
  retry: 3,
  expire: 4,
  minimum: 86_400,
});

const TTL = 100;
const BIG_RECORDS = 60;
/** The reply of `big` without compression, which is how that resolver writes it. */
const BIG_BYTES = 33 + BIG_RECORDS * 31;

/**
 * The upstream of the recorded cases: the first label of a name below example.org says what becomes of the question,
 * `servfail.example.org`. Other names do not exist, but for the root, which has an address.
 */
export const labelledUpstream: Respond = (query, transport) => {
  const [question] = query.questions;
  if (question === undefined) return [replyTo(query, { rcode: RCODE.FORMERR })];
  const { name, type } = question;
  if (name === '.') return [replyTo(query, rootParts(type))];
  if (!/(^|\.)example\.org\.$/i.test(name)) {
    return [replyTo(query, { rcode: RCODE.NXDOMAIN, authority: [ROOT_SOA] })];
  }
  const label = name.slice(0, name.indexOf('.')).toLowerCase();
  const oddity = oddities.get(label);
  return oddity === undefined ? [replyTo(query, parts(label, name, type))] : oddity(query, name, transport);
};

function rootParts(type: number): Partial<Message> {
  return type === TYPE.A ? { answer: [addressRecord('.', TTL, '93.184.216.34')] } : { authority: [EXAMPLE_ORG_SOA] };
}

const noData: Partial<Message> = { authority: [EXAMPLE_ORG_SOA] };

/** What the labels stand for whose reply is an ordinary message. */
function parts(label: string, name: string, type: number): Partial<Message> {
  const address = (text: string, ttl = TTL, owner = name): ResourceRecord => addressRecord(owner, ttl, text);
  const cname = (target: string, ttl = TTL): ResourceRecord => nameRecord(name, TYPE.CNAME, ttl, target);
  const ns = (ttl = TTL): ResourceRecord => nameRecord('example.org.', TYPE.NS, ttl, 'ns.example.org.');
  const replies: Readonly<Record<string, Partial<Message>>> = {
    nx: { rcode: RCODE.NXDOMAIN, ...noData },
    nxnosoa: { rcode: RCODE.NXDOMAIN },
    servfail: { rcode: RCODE.SERVFAIL },
    refused: { rcode: RCODE.REFUSED },
    notimp: { rcode: RCODE.NOTIMP },
    formerr: { rcode: RCODE.FORMERR },
    nodata: noData,
    nodatanosoa: {},
    delegate: { authority: [ns()] },
    ttl0: { answer: [address('1.1.1.1', 0)] },
    ttl2: { answer: [address('1.1.1.1', 2)] },
    ttlhuge: { answer: [address('1.1.1.1', 90_000)] },
    ttlmix: {
      answer: [cname('x.example.org.', 50), address('1.1.1.1', 20, 'x.example.org.')],
      authority: [ns(300)],
      additional: [address('9.9.9.9', 400, 'ns.example.org.')],
    },
    cname: { answer: [cname('target.example.org.'), ...addressOf('target.example.org.', type, '1.2.3.4')] },
    cnamenodata: { answer: [cname('target.example.org.')], ...noData },
    cnamenx: { rcode: RCODE.NXDOMAIN, answer: [cname('nx.example.org.')], ...noData },
    aa: { flags: FLAG.AA, answer: [address('1.2.3.4')] },
    ad: { flags: FLAG.AD, answer: [address('1.2.3.4')] },
  };
  return Object.hasOwn(replies, label) ? (replies[label] ?? {}) : plain(name, type);
}

function plain(name: string, type: number): Partial<Message> {
  if (type === TYPE.TXT) return { answer: [txtRecord(name, TTL, 'abc')] };
  const answer = addressOf(name, type, '93.184.216.34');
  return answer.length > 0 ? { answer } : noData;
}

function addressOf(name: string, type: number, ipv4: string): ResourceRecord[] {
  if (type === TYPE.A) return [addressRecord(name, TTL, ipv4)];
  return type === TYPE.AAAA ? [addressRecord(name, TTL, '2001:db8::1')] : [];
}

type Oddity = (query: Message, name: string, transport: UpstreamTransport) => readonly (Message | Buffer)[];

/** Labels whose reply is not one ordinary message, or depends on how it is sent. */
const oddities: ReadonlyMap<string, Oddity> = new Map<string, Oddity>([
  ['slow', () => []],
  ['garbage', () => [Buffer.of(0, 1)]],
  ['tc', (query, name, transport) => [replyTo(query, transport === 'udp' ? { flags: FLAG.TC } : plain(name, TYPE.A))]],
  ['big', big],
  ['qmismatch', (query) => [asIfAsked(query, 'other.example.org.')]],
  ['casechange', (query, name) => [asIfAsked(query, name.toUpperCase())]],
  ['idmismatch', idMismatch],
]);

function big(query: Message, name: string, transport: UpstreamTransport): Message[] {
  if (transport === 'udp' && BIG_BYTES > (query.edns?.udpSize ?? 512)) return [replyTo(query, { flags: FLAG.TC })];
  const answer = Array.from({ length: BIG_RECORDS }, (_, i) => addressRecord(name, TTL, `10.9.0.${i}`));
  return [replyTo(query, { answer })];
}

/** A reply whose question has another name than was asked for. */
function asIfAsked(query: Message, name: string): Message {
  const questions = query.questions.map((question) => ({ ...question, name }));
  return replyTo(query, { questions, answer: [addressRecord(name, TTL, '1.2.3.4')] });
}

/** A reply to somebody else, then the right one. */
function idMismatch(query: Message, name: string): Message[] {
  const right = replyTo(query, { answer: [addressRecord(name, TTL, '1.2.3.4')] });
  return [{ ...right, id: query.id ^ 0xffff }, right];
}
