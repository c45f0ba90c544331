import { CLASS, OPCODE, RCODE, rcodeName, TYPE, typeName } from '../../../src/dns/codes.ts';
import { encodeMessage, type Message, parseMessage } from '../../../src/dns/message.ts';
import { type ResourceRecord, soaRecord } from '../../../src/dns/record.ts';
import { recordText } from '../../../src/dns/text.ts';
import { absolute } from '../../../src/dns/name.ts';
import { exchangeTcp } from '../../support/dns-client.ts';
import type { TransferCase } from './case-file.ts';
import { compared, differs, needs, type Outcome, refused } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** Zones handed over whole, or not at all. */
export async function* runTransfers(
  cases: readonly TransferCase[],
  surroundings: Surroundings,
): AsyncGenerator<[TransferCase, Outcome]> {
  for (const one of cases) {
    try {
      const { fixture, localIPs: ownAddresses = [] } = one;
      await using served = await surroundings.serve({ corefile: corefileOf(one), fixture, ownAddresses });
      yield [one, await run(one, served.server.port)];
    } catch (error) {
      yield [one, refused(error)];
    }
  }
}

function corefileOf({ zones, corefileOptions, plugin }: TransferCase): string {
  const isOwn = plugin === undefined;
  const options = ['endpoint <api-url>', ...(isOwn ? corefileOptions : [])];
  const kubernetes = `kubernetes ${isOwn ? zones.join(' ') : 'cluster.local'} {\n${options.join('\n')}\n}\n`;
  const other = isOwn ? '' : `${plugin} ${zones.join(' ')} {\n${corefileOptions.join('\n')}\n}\n`;
  return `.:<port> {\ntransfer {\nto *\n}\n${kubernetes}${other}}\n`;
}

async function run(one: TransferCase, port: number): Promise<Outcome> {
  const { plugin, requestSerial, zoneSerial, error, records, assertions } = one;
  const zone = absolute(one.transferZone);
  const whole = await transfer(port, zone);
  // What nobody has is left to the next plugin, and there is none.
  if (error !== undefined) return compared('SERVFAIL', rcodeName(whole.rcode));
  const [soa] = whole.answer;
  if (plugin !== undefined && soa === undefined) return needs(`transfers of ${plugin} zones`);
  if (soa?.data.shape !== 'soa') return differs(`+ ${rcodeName(whole.rcode)} and no SOA record`);
  const known = requestSerial === zoneSerial ? soa.data.serial : requestSerial;
  const { answer } = requestSerial === 0 ? whole : await transfer(port, zone, known);
  if (records !== undefined) return compared(records.map(withoutSerial), answer.map(recordText).map(withoutSerial));
  return compared(assertions ?? { firstType: 'SOA', lastType: 'SOA' }, factsOf(answer, zone, assertions !== undefined));
}

/** All of a zone, or what became of it since the serial `known`. */
async function transfer(port: number, zone: string, known?: number): Promise<Message> {
  const wire = encodeMessage({
    id: 7,
    opcode: OPCODE.QUERY,
    rcode: RCODE.NOERROR,
    flags: 0,
    questions: [{ name: zone, type: known === undefined ? TYPE.AXFR : TYPE.IXFR, class: CLASS.IN }],
    answer: [],
    authority: known === undefined ? [] : [knownSoa(zone, known)],
    additional: [],
    edns: undefined,
  });
  const reply = await exchangeTcp(port, wire);
  if (reply === undefined) throw new Error('no reply');
  return parseMessage(reply);
}

function knownSoa(zone: string, serial: number): ResourceRecord {
  return soaRecord(zone, 0, { mname: '.', rname: '.', serial, refresh: 0, retry: 0, expire: 0, minimum: 0 });
}

function withoutSerial(record: string): string {
  return record.replace(/( SOA \S+ \S+) \d+/, '$1 SERIAL');
}

function factsOf(records: readonly ResourceRecord[], zone: string, withServers: boolean): object {
  const count = (name: string, type: number): number =>
    records.filter((record) => record.name === name && record.type === type).length;
  const nameOf = (record: ResourceRecord | undefined): string => (record === undefined ? '' : typeName(record.type));
  const ends = { firstType: nameOf(records[0]), lastType: nameOf(records.at(-1)) };
  if (!withServers) return ends;
  const host = `ns.dns.${zone}`;
  return { ...ends, nsCount: count(zone, TYPE.NS), nsDnsA: count(host, TYPE.A), nsDnsAAAA: count(host, TYPE.AAAA) };
}
