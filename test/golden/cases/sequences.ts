import { hostname } from 'node:os';
import { CLASS, FLAG, typeCode } from '../../../src/dns/codes.ts';
import { readOptions } from '../../../src/dns/message.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { type ClientQuestion, exchangeTcp, exchangeUdp, questionWire } from '../../support/dns-client.ts';
import type { StaticObjects } from '../../support/static-api.ts';
import { intended } from '../differences.ts';
import type { SequenceCase, Step } from './case-file.ts';
import { alike, differs, type Outcome, refused } from './outcome.ts';
import { difference, type Expected, lines, optText, readingOf, rejuvenated } from './reading.ts';
import { withoutCachedAuthority, withoutEchoedOptions } from './release.ts';
import type { Served, Surroundings } from './surroundings.ts';

/** Questions to one server in order, and what reached its upstream. */
export async function* runSequences(
  cases: readonly SequenceCase[],
  surroundings: Surroundings,
): AsyncGenerator<[SequenceCase, Outcome]> {
  for (const one of cases) {
    let served: Served;
    try {
      const { corefile, fixture, localIPs: ownAddresses } = one;
      const known = surroundings.objects(fixture);
      const objects = corefile.includes('autopath') ? withClient(known) : known;
      served = await surroundings.serve({ corefile, objects, ownAddresses });
    } catch (error) {
      yield [one, refused(error)];
      continue;
    }
    await using opened = served;
    yield [one, await runSteps(one, opened)];
  }
}

/** With the pod from which the search lists of these cases were watched at the address that asks here. */
function withClient(objects: StaticObjects): StaticObjects {
  const pods = (objects.pods ?? []).map((pod) =>
    pod.metadata.namespace === 'testns' ? { ...pod, status: { podIP: '127.0.0.1' } } : pod,
  );
  return { ...objects, pods };
}

async function runSteps({ id, steps }: SequenceCase, served: Served): Promise<Outcome> {
  served.upstream.takeSeen();
  const startedMs = systemClock.now();
  const details: string[] = [];
  const ids: string[] = [];
  for (const [i, step] of steps.entries()) {
    const found = await runStep(step, served, () => (systemClock.now() - startedMs) / 1000);
    if (found.length === 0) continue;
    const stepId = `${id}#${i + 1}`;
    if (intended(stepId) === undefined) details.push(`  ${stepId}: ${step.qname} ${step.qtype}`, ...found);
    else ids.push(stepId);
  }
  if (details.length > 0) return differs(details.join('\n'));
  return ids.length > 0 ? { is: 'intended', ids } : alike;
}

/** What differs in a step, a line each. `age`: seconds since the first step, by which a cached answer may have aged. */
async function runStep(step: Step, { server, upstream }: Served, age: () => number): Promise<string[]> {
  const exchange = step.queryOptions?.tcp === 1 ? exchangeTcp : exchangeUdp;
  const reply = await exchange(server.port, questionWire(questionOf(step)));
  const seen = probesLeftOut(upstream.takeSeen());
  const expectedSeen = probesLeftOut(step.upstreamQueries);
  const seenChange =
    seen.join() === expectedSeen.join()
      ? []
      : [`- upstream ${expectedSeen.join(', ')}`, `+ upstream ${seen.join(', ')}`];
  if (reply === undefined) return step.response === null ? seenChange : ['+ no reply', ...seenChange];
  const actual = readingOf(reply);
  if (step.response === null) return ['- no reply', `+ ${actual.head}`, ...seenChange];
  const expected = expectedOf(step, step.response);
  const change = difference(expected, step.upstreamQueries.length > 0 ? actual : rejuvenated(actual, expected, age()));
  return [...(change === undefined ? [] : [change]), ...seenChange];
}

function questionOf({ qname: name, qtype, queryOptions = {} }: Step): ClientQuestion {
  const { rd = 1, ad = 0, cd = 0, do: dnssecOk = 0, qclass = CLASS.IN, opts = '' } = queryOptions;
  const edns = queryOptions.edns ?? undefined;
  const options = readOptions(Buffer.from(opts, 'hex'));
  return {
    name,
    type: typeCode(qtype) ?? 0,
    class: qclass,
    flags: rd * FLAG.RD + ad * FLAG.AD + cd * FLAG.CD,
    ...(edns === undefined ? {} : { edns: { udpSize: edns, dnssecOk: dnssecOk === 1, options } }),
  };
}

function expectedOf(
  step: Step,
  { rcode, flags, question, answer, ns, extra, opt }: NonNullable<Step['response']>,
): Expected {
  const dnssecOk = opt?.ttl.endsWith('8000') ?? false;
  const expected = {
    head: `${rcode} ${flags}`,
    question,
    // The reference ran on a host of this name, which `chaos` tells.
    answer: lines(answer.map((record) => record.replace(/ CH TXT "vm"$/, ` CH TXT "${hostname()}"`))),
    authority: lines(ns),
    additional: lines(extra),
    opt: opt === null ? '' : optText(opt.udp, dnssecOk, opt.opts),
  };
  return withoutEchoedOptions(withoutCachedAuthority(expected, step), step.queryOptions?.opts ?? '');
}

/** The server's own questions come when they come: health checks of `forward`, the probe of `loop`. */
function probesLeftOut(seen: readonly string[]): string[] {
  return seen.filter((asked) => !/ (\. NS|\S+ HINFO) \[/.test(asked)).toSorted();
}
