import type { Env } from '../../core/plugin.ts';
import { CLASS, FLAG, OPCODE, RCODE, rcodeName, TYPE } from '../../dns/codes.ts';
import { encodeMessage, parseMessage } from '../../dns/message.ts';
import { endpointText } from '../../upstream/failure.ts';
import type { Request } from '../../upstream/request.ts';
import { systemSockets } from '../../upstream/sockets.ts';
import { UdpClient } from '../../upstream/udp.ts';
import { ruleFor, type Secondary, type TransferRule } from './config.ts';

export type NotifyTools = Pick<Env, 'clock' | 'random' | 'log'>;

const TRIES = 3;
const REPLY_MS = 2000;

/**
 * Tells the secondaries of a zone, a key, that it has changed (RFC 1996): each up to three times, all at once. Resolves when
 * each has answered or was given up; never rejects.
 */
export async function notifySecondaries(
  rules: readonly TransferRule[],
  zone: string,
  tools: NotifyTools,
): Promise<void> {
  const rule = ruleFor(rules, zone);
  if (rule === undefined || rule.clients.length === 0) return;
  const request = notifyFor(zone);
  const problems = await Promise.all(rule.clients.map((to) => notify(request, rule.source, to, tools)));
  for (const [i, { address, port }] of rule.clients.entries()) {
    const problem = problems[i];
    if (problem === undefined) continue;
    tools.log.warning(`notify for zone "${zone}" was not accepted by "${endpointText(address, port)}": ${problem}`);
  }
  tools.log.debug(`Sent notifies for zone "${zone}"`);
}

/** Why the secondary did not accept it. */
async function notify(
  request: Request,
  sourceAddress: string,
  { address, port }: Secondary,
  { clock, random }: NotifyTools,
): Promise<string | undefined> {
  const client = new UdpClient({
    clock,
    random,
    sockets: systemSockets,
    address,
    port,
    sourceAddress,
    expireMs: 0,
    maxAgeMs: 0,
    maxIdle: 0,
    onConnection: () => undefined,
  });
  let problem = '';
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const limits = { readMs: REPLY_MS, deadlineMs: clock.now() + REPLY_MS };
      const { rcode } = parseMessage(await client.exchange(request, limits));
      if (rcode === RCODE.NOERROR) return undefined;
      problem = `rcode was "${rcodeName(rcode)}"`;
    } catch (error) {
      problem = `"${error instanceof Error ? error.message : String(error)}"`;
    }
  }
  return problem;
}

/** RFC 1996 3.7. */
function notifyFor(name: string): Request {
  const wire = encodeMessage({
    id: 0,
    opcode: OPCODE.NOTIFY,
    rcode: RCODE.NOERROR,
    flags: FLAG.AA,
    questions: [{ name, type: TYPE.SOA, class: CLASS.IN }],
    answer: [],
    authority: [],
    additional: [],
    edns: undefined,
  });
  return { wire, questionEnd: wire.length };
}
