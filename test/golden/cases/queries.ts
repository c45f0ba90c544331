import { FLAG, RCODE, typeCode } from '../../../src/dns/codes.ts';
import { addressRecord } from '../../../src/dns/record.ts';
import { exchangeTcp, exchangeUdp, questionWire } from '../../support/dns-client.ts';
import { replyTo, type Respond } from '../../support/stub-upstream.ts';
import type { QueryCase } from './case-file.ts';
import { alike, differs, type Outcome, refused } from './outcome.ts';
import { difference, type Expected, lines, type Reading, readingOf } from './reading.ts';
import { RECORDING_HOST, type Served, type Setting, type Surroundings } from './surroundings.ts';

/**
 * Cases that a server in its usual surroundings can not show, so that the reference's own table counts and not what a
 * server was seen to say: an upstream that truncates, an API server that never answers, other own addresses.
 */
const FROM_TABLE: ReadonlySet<string> = new Set([
  'serve-009',
  'not-synced-000',
  'k8s_external-apex-001',
  'k8s_external-apex-007',
  'k8s_external-apex-008',
]);

/** One question each; those with the same server come together. */
export async function* runQueries(
  cases: readonly QueryCase[],
  surroundings: Surroundings,
): AsyncGenerator<[QueryCase, Outcome]> {
  const byServer = Map.groupBy(cases, (one) => JSON.stringify(settingOf(one, surroundings)));
  for (const group of byServer.values()) {
    const [first] = group;
    if (first === undefined) continue;
    let served: Served;
    try {
      served = await surroundings.serve({ ...settingOf(first, surroundings), ...respondOf(first) });
    } catch (error) {
      for (const one of group) yield [one, refused(error)];
      continue;
    }
    await using opened = served;
    for (const one of group) yield [one, await ask(opened.server.port, one)];
  }
}

async function ask(port: number, one: QueryCase): Promise<Outcome> {
  const { qname: name, qtype } = one;
  const expected = expectedOf(one);
  const actual = await readingFor(port, questionWire({ name, type: typeCode(qtype) ?? 0 }), expected);
  if (actual === undefined) return differs('+ no reply');
  const detail = FROM_TABLE.has(one.id)
    ? difference(loose(expected), loose(actual))
    : difference(expected, expected.head === one.rcode ? withoutFlags(actual) : actual);
  return detail === undefined ? alike : differs(`  ${name} ${qtype}\n${detail}`);
}

/** The reply to a datagram; over TCP when that does not hold the answer, and the recorded one is whole. */
async function readingFor(port: number, wire: Buffer, expected: Expected): Promise<Reading | undefined> {
  const reply = await exchangeUdp(port, wire);
  if (reply === undefined || !isCut(readingOf(reply)) || isCut(expected)) return reply && readingOf(reply);
  const whole = await exchangeTcp(port, wire);
  return whole && readingOf(whole);
}

function isCut({ head = '' }: Expected): boolean {
  return head.split(' ').includes('tc');
}

/** Without flags where none were recorded. */
function expectedOf(one: QueryCase): Expected {
  const { qname, qtype, observed, flags, rcode } = one;
  const seen = FROM_TABLE.has(one.id) ? undefined : observed;
  const { answer = [], ns = [], extra = [] }: Partial<NonNullable<typeof observed>> = seen ?? one;
  const words = seen?.flags ?? flags ?? (FROM_TABLE.has(one.id) ? 'qr aa rd' : '');
  return {
    head: `${seen?.rcode ?? rcode} ${one.truncated === true ? 'qr aa tc rd' : words}`.trimEnd(),
    question: [`${qname} IN ${qtype}`],
    answer: lines(answer),
    authority: lines(ns),
    additional: lines(extra),
    opt: '',
  };
}

function withoutFlags(reading: Reading): Reading {
  return { ...reading, head: reading.head.replace(/ .*/, '') };
}

/** The reference's tables say of an SOA record only the owner, the TTL and the name server. */
function loose<R extends Expected>(reading: R): R {
  const short = (records: readonly string[] = []): string[] =>
    records.map((record) => record.replace(/( IN SOA \S+) .*$/, '$1'));
  return { ...reading, answer: short(reading.answer), authority: short(reading.authority) };
}

function settingOf(one: QueryCase, surroundings: Surroundings): Setting {
  const { fixture, localIPs = [] } = one;
  const ownAddresses = FROM_TABLE.has(one.id) ? localIPs : RECORDING_HOST;
  const common = { ownAddresses, ...(fixture === undefined ? {} : { fixture }) };
  if (one.id === 'not-synced-000') return { ...common, corefile: kubernetesBlock(one, 'http://127.0.0.1:1') };
  if (one.plugin === 'autopath') return { ...common, ...autopathSetting(one, surroundings) };
  const corefile = one.corefile ?? kubernetesBlock(one, '<api-url>');
  return { ...common, corefile };
}

function kubernetesBlock(one: QueryCase, apiUrl: string): string {
  const { zones, corefileOptions = [], plugin, kubernetesZones = zones, kubernetesOptions = corefileOptions } = one;
  const waits = apiUrl === '<api-url>' ? [] : ['startup_timeout 1ms'];
  const kubernetes = directive('kubernetes', kubernetesZones, [`endpoint ${apiUrl}`, ...waits, ...kubernetesOptions]);
  const other = plugin === undefined ? '' : directive(plugin, zones, corefileOptions);
  const forward = one.id === 'serve-009' ? 'forward . <stub-upstream>\n' : '';
  return `.:<port> {\nerrors\n${kubernetes}${other}${forward}}\n`;
}

function directive(name: string, zones: readonly string[], options: readonly string[]): string {
  return `${[name, ...zones].join(' ')} {\n${options.map((option) => `${option}\n`).join('')}}\n`;
}

/**
 * The search path of these cases comes from a file. Behind the plugin two names have an address, b.example.org does not
 * exist, and for all others no plugin has anything to say.
 */
function autopathSetting({ searchPath = [] }: QueryCase, surroundings: Surroundings): Setting {
  const search = searchPath.filter((domain) => domain !== '').join(' ');
  const path = surroundings.write('resolv.conf', `nameserver 127.0.0.1\nsearch ${search}\n`);
  const hosts = surroundings.write('searched', '127.0.0.53 b.com a.example.com\n');
  const behind = `hosts ${hosts} {\nfallthrough b.example.org\n}\nforward . <stub-upstream>\n`;
  return { corefile: `.:<port> {\nerrors\nautopath ${path}\n${behind}}\n` };
}

function respondOf(one: QueryCase): { readonly respond?: Respond } {
  if (one.id === 'serve-009') return { respond: truncatingUpstream };
  return one.plugin === 'autopath' ? { respond: deniedUpstream } : {};
}

const truncatingUpstream: Respond = (query) => [
  replyTo(query, { flags: FLAG.TC, answer: [addressRecord('ext.interwebs.test.', 5, '1.2.3.4')] }),
];

const deniedUpstream: Respond = (query) => [replyTo(query, { rcode: RCODE.NXDOMAIN })];
