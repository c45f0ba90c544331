import { typeCode } from '../../src/dns/codes.ts';
import { exchangeUdp, questionWire } from '../support/dns-client.ts';
import { startServer } from '../support/running-server.ts';
import { StaticApi } from '../support/static-api.ts';
import { goldenUpstream, startStubUpstream } from '../support/stub-upstream.ts';
import { answerText, isAlike } from './answer-text.ts';
import type { RecordedAnswer, Recording } from './recordings.ts';
import { untilSynced } from './synced.ts';

export interface Replay {
  readonly alike: number;
  readonly of: number;
  readonly differences: readonly { readonly asked: RecordedAnswer; readonly actual: string }[];
}

const IN_FLIGHT = 32;
const UDP_BYTES = 4096;

/** Serves the recording's cluster by its Corefile, and asks all its questions over UDP. */
export async function replay({ corefile, world, answers }: Recording): Promise<Replay> {
  await using resources = new AsyncDisposableStack();
  const api = resources.adopt(await StaticApi.start(world), (it) => it.close());
  const upstream = resources.adopt(await startStubUpstream(goldenUpstream), (it) => it.close());
  const text = moved(corefile, api.url, upstream.address);
  const server = resources.adopt(await startServer(text), (it) => it.close());
  await untilSynced(server);
  const differences: { asked: RecordedAnswer; actual: string }[] = [];
  const waiting = answers.values();
  async function askInTurn(): Promise<void> {
    for (const asked of waiting) {
      const actual = await ask(server.port, asked);
      if (!isAlike(actual, asked.answer)) differences.push({ asked, actual });
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, askInTurn));
  return { alike: answers.length - differences.length, of: answers.length, differences };
}

/** The Corefile with the addresses of this replay in place of the recorded ones. */
function moved(corefile: string, apiUrl: string, upstream: string): string {
  return corefile
    .replace(/^(\S*):\d+(?=\s)/gm, '$1:0')
    .replace(/^( *endpoint) .*$/gm, `$1 ${apiUrl}`)
    .replace(/^( *forward +\S+)( +[^\s{]+)+/gm, `$1 ${upstream}`);
}

async function ask(port: number, { name, type }: RecordedAnswer): Promise<string> {
  // Some names were recorded with an empty label in front, which no packet can hold: they were asked without it.
  const wire = questionWire({ name: name.replace(/^\./, ''), type: typeCode(type) ?? 0, edns: { udpSize: UDP_BYTES } });
  const reply = await exchangeUdp(port, wire);
  return reply === undefined ? 'no reply' : answerText(reply);
}
