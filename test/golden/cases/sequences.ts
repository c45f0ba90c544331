import { hostname } from 'node:os';
import { CLASS, FLAG, typeCode } from '../../../src/dns/codes.ts';
import { readOptions } from '../../../src/dns/message.ts';
import { type ClientQuestion, exchangeTcp, exchangeUdp, questionWire } from '../../support/dns-client.ts';
import type { SequenceCase, Step } from './case-file.ts';
import { alike, differs, type Outcome, refused } from './outcome.ts';
import { difference, type Expected, lines, optText, readingOf } from './reading.ts';
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
      served = await surroundings.serve({ corefile, fixture, ownAddresses });
    } catch (error) {
      yield [one, refused(error)];
      continue;
    }
    await using opened = served;
    yield [one, await runSteps(one, opened)];
  }
}

async function runSteps({ steps }: SequenceCase, served: Served): Promise<Outcome> {
  served.upstream.takeSeen();
  const details: string[] = [];
  for (const [i, step] of steps.entries()) {
    const found = await runStep(step, served);
    if (found.length > 0) details.push(`  step ${i + 1}: ${step.qname} ${step.qtype}`, ...found);
  }
  return details.length === 0 ? alike : differs(details.join('\n'));
}

/** What differs in a step, a line each. */
async function runStep(step: Step, { server, upstream }: Served): Promise<string[]> {
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
  const change = difference(expectedOf(step, step.response), actual);
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
