import * as fc from 'fast-check';
import { CLASS, FLAG, OPCODE, RCODE, TYPE } from '../../src/dns/codes.ts';
import { bytesToAddress } from '../../src/dns/ip.ts';
import type { Edns, Message } from '../../src/dns/message.ts';
import { wireToText } from '../../src/dns/name.ts';
import type { Rdata, ResourceRecord } from '../../src/dns/record.ts';
import { seededRandom } from '../support/random.ts';

/** Arbitrary names, records and messages, and ways to damage what was encoded from them. */

export const blankMessage: Message = {
  id: 0,
  opcode: OPCODE.QUERY,
  rcode: RCODE.NOERROR,
  flags: 0,
  questions: [],
  answer: [],
  authority: [],
  additional: [],
  edns: undefined,
};

/** An uncompressed name; labels over the 255 bytes are left out. */
export function wireOf(labels: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = [];
  for (const label of labels) {
    if (bytes.length + 1 + label.length < 255) bytes.push(label.length, ...label);
  }
  return Uint8Array.of(...bytes, 0);
}

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

const plain = { noNullPrototype: true };

// Few words, so that names share their ends and compression has work to do.
const hostLabel = fc.constantFrom('a', 'b', 'www', 'Web', 'svc', 'SVC', 'cluster', 'local', 'x'.repeat(63));
const rawLabel = fc.uint8Array({ minLength: 1, maxLength: 63 });

export const hostName: fc.Arbitrary<string> = fc.array(hostLabel, { maxLength: 6 }).map(nameOf);
export const anyName: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: hostName },
  { weight: 1, arbitrary: fc.array(rawLabel, { maxLength: 6 }).map((labels) => wireToText(wireOf(labels))) },
);

function nameOf(labels: readonly string[]): string {
  return wireToText(wireOf(labels.map((label) => Buffer.from(label))));
}

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytesToAddress);
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), u16), { minLength: 8, maxLength: 8 })
  .map((groups) => bytesToAddress(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))));
const bytes = fc.uint8Array({ maxLength: 40 });
const strings = fc.array(fc.uint8Array({ maxLength: 255, size: 'small' }), { maxLength: 4 });

type Typed = readonly [type: number, data: Rdata];

/** Types whose names our oracle and old resolvers know (RFC 1035 and SRV). */
function commonRdata(name: fc.Arbitrary<string>): fc.Arbitrary<Typed> {
  const soa = fc.record(
    {
      shape: fc.constant('soa' as const),
      mname: name,
      rname: name,
      serial: u32,
      refresh: u32,
      retry: u32,
      expire: u32,
      minimum: fc.integer({ min: 0, max: 0x7fff_ffff }),
    },
    plain,
  );
  const srv = fc.record(
    { shape: fc.constant('srv' as const), priority: u16, weight: u16, port: u16, target: name },
    plain,
  );
  return fc.oneof(
    ipv4.map((address): Typed => [TYPE.A, { shape: 'address', address }]),
    ipv6.map((address): Typed => [TYPE.AAAA, { shape: 'address', address }]),
    fc
      .tuple(fc.constantFrom(TYPE.NS, TYPE.CNAME, TYPE.PTR), name)
      .map(([type, target]): Typed => [type, { shape: 'name', target }]),
    soa.map((data): Typed => [TYPE.SOA, data]),
    srv.map((data): Typed => [TYPE.SRV, data]),
    fc.tuple(u16, name).map(([preference, exchange]): Typed => [TYPE.MX, { shape: 'mx', preference, exchange }]),
  );
}

const rareRdata: fc.Arbitrary<Typed> = fc.oneof(
  anyName.map((target): Typed => [TYPE.DNAME, { shape: 'name', target }]),
  fc
    .tuple(fc.constantFrom(TYPE.TXT, TYPE.SPF, TYPE.HINFO), strings)
    .map(([type, strings]): Typed => [type, { shape: 'strings', strings }]),
  fc
    .tuple(fc.constantFrom(TYPE.NULL, TYPE.DS, TYPE.HTTPS, TYPE.CAA, 65280), bytes)
    .map(([type, bytes]): Typed => [type, { shape: 'opaque', bytes }]),
  fc.array(rawLabel, { maxLength: 3 }).map((labels): Typed => {
    const name = wireOf(labels);
    return [TYPE.RP, { shape: 'opaque', bytes: Uint8Array.of(...name, ...name) }];
  }),
);

function record(name: fc.Arbitrary<string>, typed: fc.Arbitrary<Typed>): fc.Arbitrary<ResourceRecord> {
  const rclass = fc.oneof({ weight: 9, arbitrary: fc.constant<number>(CLASS.IN) }, { weight: 1, arbitrary: u16 });
  return fc
    .tuple(name, rclass, u32, typed)
    .map(([name, rclass, ttl, [type, data]]) => ({ name, type, class: rclass, ttl, data }));
}

/** Only what every reader of RFC 1035 knows: host names, its own types, SRV. */
export const commonRecord: fc.Arbitrary<ResourceRecord> = record(hostName, commonRdata(hostName)).map((record) => ({
  ...record,
  ttl: record.ttl & 0x7fff_ffff,
}));
export const anyRecord: fc.Arbitrary<ResourceRecord> = record(anyName, fc.oneof(commonRdata(anyName), rareRdata));

const edns: fc.Arbitrary<Edns> = fc.record(
  {
    version: fc.integer({ min: 0, max: 255 }),
    udpSize: u16,
    dnssecOk: fc.boolean(),
    options: fc.array(fc.record({ code: u16, data: bytes }, plain), { maxLength: 3 }),
  },
  plain,
);

function message(record: fc.Arbitrary<ResourceRecord>, edns: fc.Arbitrary<Edns | undefined>): fc.Arbitrary<Message> {
  const section = fc.array(record, { maxLength: 6 });
  return fc
    .record(
      {
        id: u16,
        opcode: fc.integer({ min: 0, max: 15 }),
        rcode: fc.integer({ min: 0, max: 0xfff }),
        flags: fc.subarray(Object.values(FLAG)).map((bits) => bits.reduce((word, bit) => word | bit, 0)),
        questions: fc.array(fc.record({ name: hostName, type: u16, class: u16 }, plain), { maxLength: 2 }),
        answer: section,
        authority: section,
        additional: section,
        edns,
      },
      plain,
    )
    .map((message) => (message.edns === undefined ? { ...message, rcode: message.rcode & 15 } : message));
}

export const commonMessage: fc.Arbitrary<Message> = message(commonRecord, fc.constant(undefined));
export const anyMessage: fc.Arbitrary<Message> = message(anyRecord, fc.option(edns, { nil: undefined }));

/** Whether `property` holds for many values: it fails by throwing. The values are the same in each run. */
export function holdsFor<T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void, numRuns = 500): void {
  fc.assert(fc.property(arbitrary, property), { seed: 5, numRuns });
}

/** Some values, the same in each run. */
export function samplesOf<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  return fc.sample(arbitrary, { seed: 7, numRuns: count });
}

/** `count` damaged packets: bits flipped, bytes overwritten, cut short, and two of them spliced. */
export function* damaged(packets: readonly Buffer[], count: number): Generator<Buffer> {
  const random = seededRandom(11);
  const pick = (): Buffer => packets[random.below(packets.length)] ?? Buffer.alloc(0);
  for (let i = 0; i < count; i++) {
    let packet = Buffer.from(pick());
    for (let damages = random.below(3); damages >= 0 && packet.length > 0; damages--) {
      const at = random.below(packet.length);
      switch (random.below(4)) {
        case 0:
          packet[at] = (packet[at] ?? 0) ^ (1 << random.below(8));
          break;
        case 1:
          packet[at] = [0, 1, 0x3f, 0x40, 0xc0, 0xff][random.below(6)] ?? 0;
          break;
        case 2:
          packet = packet.subarray(0, at);
          break;
        default: {
          const other = pick();
          packet = Buffer.concat([packet.subarray(0, at), other.subarray(random.below(other.length + 1))]);
        }
      }
    }
    yield packet;
  }
}
