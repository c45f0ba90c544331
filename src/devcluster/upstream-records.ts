import { Packet, type Resource } from 'dns2';

/** What the upstream resolver knows of a name. */
export interface Lookup {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL';
  readonly answers: readonly Resource[];
  /** The SOA of a negative answer. */
  readonly authorities: readonly Resource[];
}

type Data =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR'; readonly domain: string }
  | { readonly type: 'NS'; readonly ns: string }
  | { readonly type: 'MX'; readonly priority: number; readonly exchange: string }
  | { readonly type: 'TXT'; readonly data: string[] };
type OwnedData = Data & { readonly owner: string };

const TTL_S = 300;
/** How long that a name or type does not exist may be kept; it is the SOA's own TTL as well (RFC 2308 section 5). */
const NEGATIVE_TTL_S = 60;
/** This name always fails. */
const FAILING = 'fail.example.test';

const zones = ['example.test', 'a.shifen.com', 'baidu.com'];

/** Outside names for the default cluster, with addresses of the documentation ranges (RFC 5737, RFC 3849). */
const records: readonly OwnedData[] = [
  { owner: 'example.test', type: 'NS', ns: 'ns.example.test' },
  { owner: 'example.test', type: 'MX', priority: 10, exchange: 'mail.example.test' },
  { owner: 'example.test', type: 'TXT', data: ['v=spf1 -all'] },
  { owner: 'example.test', type: 'A', address: '192.0.2.80' },
  { owner: 'ns.example.test', type: 'A', address: '192.0.2.53' },
  { owner: 'mail.example.test', type: 'A', address: '192.0.2.25' },
  { owner: 'www.example.test', type: 'A', address: '192.0.2.80' },
  { owner: 'www.example.test', type: 'AAAA', address: '2001:db8::80' },
  { owner: 'alias.example.test', type: 'CNAME', domain: 'www.example.test' },
  { owner: '80.2.0.192.in-addr.arpa', type: 'PTR', domain: 'www.example.test' },
  { owner: 'www.baidu.com', type: 'CNAME', domain: 'www.a.shifen.com' },
  { owner: 'www.a.shifen.com', type: 'A', address: '192.0.2.181' },
  { owner: 'www.a.shifen.com', type: 'A', address: '192.0.2.182' },
  // Some 6 KB: more than any UDP answer may hold.
  ...Array.from({ length: 24 }, (_, index): OwnedData => {
    return { owner: 'big.example.test', type: 'TXT', data: [`part ${index} `.padEnd(250, '.')] };
  }),
];

/**
 * Looks `name` up as a resolver does: CNAMEs are followed and told first, a name that is not there is NXDOMAIN, one
 * without the type an empty answer, both with the SOA of their zone. Names match in any letter case; the first record
 * has the owner as it was asked.
 */
export function lookup(name: string, type: number): Lookup {
  const key = name.toLowerCase();
  if (key === FAILING) return { rcode: 'SERVFAIL', answers: [], authorities: [] };
  const present = records.filter((record) => record.owner === key);
  const alias = present.find((record) => record.type === 'CNAME');
  if (alias?.type === 'CNAME' && type !== Packet.TYPE.CNAME) {
    const target = lookup(alias.domain, type);
    return { ...target, answers: [resource(name, alias), ...target.answers] };
  }
  const found = present.filter((record) => Packet.TYPE[record.type] === type).map((record) => resource(name, record));
  const answers = type === Packet.TYPE.SOA && zones.includes(key) ? [soaOf(key)] : found;
  if (answers.length > 0) return { rcode: 'NOERROR', answers, authorities: [] };
  const exists = records.some(({ owner }) => owner === key || owner.endsWith(`.${key}`));
  return { rcode: exists ? 'NOERROR' : 'NXDOMAIN', answers: [], authorities: [soaOf(key)] };
}

function resource(name: string, { owner: _owner, type, ...data }: OwnedData): Resource {
  return Packet.createResourceFromQuestion(new Packet.Question(name, Packet.TYPE[type], Packet.CLASS.IN), {
    ...data,
    ttl: TTL_S,
  });
}

/** The SOA of the zone the name is in: what no zone here has is answered out of the root. */
function soaOf(name: string): Resource {
  const zone = zones.find((one) => name === one || name.endsWith(`.${one}`)) ?? '';
  return Packet.createResourceFromQuestion(new Packet.Question(zone, Packet.TYPE.SOA, Packet.CLASS.IN), {
    ttl: NEGATIVE_TTL_S,
    primary: zone === '' ? 'ns.invalid' : `ns.${zone}`,
    admin: zone === '' ? 'hostmaster.invalid' : `hostmaster.${zone}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expiration: 86_400,
    minimum: NEGATIVE_TTL_S,
  });
}
