/**
 * The numbers of the wire and their mnemonics, from the IANA "Domain Name System (DNS) Parameters" registries.
 * Unknown numbers are legal everywhere: they print as in RFC 3597 (`TYPE65280`, `CLASS7`).
 */

export const TYPE = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  NULL: 10,
  WKS: 11,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  X25: 19,
  ISDN: 20,
  RT: 21,
  NSAP: 22,
  'NSAP-PTR': 23,
  SIG: 24,
  KEY: 25,
  PX: 26,
  GPOS: 27,
  AAAA: 28,
  LOC: 29,
  NXT: 30,
  EID: 31,
  NIMLOC: 32,
  SRV: 33,
  ATMA: 34,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  A6: 38,
  DNAME: 39,
  SINK: 40,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  HIP: 55,
  NINFO: 56,
  RKEY: 57,
  TALINK: 58,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  UINFO: 100,
  UID: 101,
  GID: 102,
  UNSPEC: 103,
  NID: 104,
  L32: 105,
  L64: 106,
  LP: 107,
  EUI48: 108,
  EUI64: 109,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
  AVC: 258,
  DOA: 259,
  AMTRELAY: 260,
  RESINFO: 261,
  TA: 32768,
  DLV: 32769,
} as const;

export const CLASS = { IN: 1, CS: 2, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

export const OPCODE = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 } as const;

/** Response codes; those above 15 need the extension bits of an OPT record (RFC 6891 6.1.3). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;

/** Bits of the header's second 16-bit word (RFC 1035 4.1.1, RFC 4035 3.2). */
export const FLAG = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  Z: 0x0040,
  AD: 0x0020,
  CD: 0x0010,
} as const;

/** EDNS option codes (RFC 6891) that some part of the server looks at. */
export const OPTION = {
  LONG_LIVED_QUERY: 1,
  UPDATE_LEASE: 2,
  NSID: 3,
  SUBNET: 8,
  EXPIRE: 9,
  COOKIE: 10,
  TCP_KEEPALIVE: 11,
  PADDING: 12,
  EXTENDED_ERROR: 15,
} as const;

function inverse(codes: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(codes).map(([name, code]) => [code, name]));
}

const typeNames = inverse(TYPE);
const classNames = inverse(CLASS);
const rcodeNames = inverse(RCODE);
const typeCodes: ReadonlyMap<string, number> = new Map(Object.entries(TYPE));
const classCodes: ReadonlyMap<string, number> = new Map(Object.entries(CLASS));
const rcodeCodes: ReadonlyMap<string, number> = new Map(Object.entries(RCODE));

/** `A`, `HTTPS`, `TYPE65280`. */
export function typeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${type}`;
}

/** `IN`, `CLASS7`. */
export function className(code: number): string {
  return classNames.get(code) ?? `CLASS${code}`;
}

/** `NXDOMAIN`; `RCODE12` where the registry has no name. */
export function rcodeName(rcode: number): string {
  return rcodeNames.get(rcode) ?? `RCODE${rcode}`;
}

/** The code of a type's mnemonic in any letter case, or of `TYPE<n>`; undefined when it is neither. */
export function typeCode(text: string): number | undefined {
  return typeCodes.get(text.toUpperCase()) ?? generic('TYPE', text);
}

/** The code of a class's mnemonic in any letter case, or of `CLASS<n>`; undefined when it is neither. */
export function classCode(text: string): number | undefined {
  return classCodes.get(text.toUpperCase()) ?? generic('CLASS', text);
}

/** The code of an rcode's mnemonic in any letter case; undefined when there is none. */
export function rcodeCode(text: string): number | undefined {
  return rcodeCodes.get(text.toUpperCase());
}

function generic(prefix: string, text: string): number | undefined {
  const match = new RegExp(`^${prefix}(\\d{1,5})$`, 'i').exec(text);
  const code = Number(match?.[1] ?? NaN);
  return code <= 0xffff ? code : undefined;
}
