import { intended } from '../differences.ts';
import type { Case } from './case-file.ts';
import { runCorefileRuns } from './corefile-runs.ts';
import { runCorefiles } from './corefiles.ts';
import { runFunctions } from './functions.ts';
import type { Outcome } from './outcome.ts';
import { runMetadata } from './metadata.ts';
import { runPackets } from './packets.ts';
import { runQueries } from './queries.ts';
import { runRcodeQueries } from './rcode-queries.ts';
import { runSequences } from './sequences.ts';
import { runSerialEvents } from './serial-events.ts';
import type { Surroundings } from './surroundings.ts';
import { runTransfers } from './transfers.ts';
import { runTruncation } from './truncation.ts';

/** Runs all cases, kind by kind. A difference that is meant to be is told as such. */
export async function* runCases(
  cases: readonly Case[],
  surroundings: Surroundings,
): AsyncGenerator<readonly [Case, Outcome]> {
  const of = <K extends Case['kind']>(kind: K): Extract<Case, { kind: K }>[] =>
    cases.filter((one): one is Extract<Case, { kind: K }> => one.kind === kind);
  const runs: readonly AsyncIterable<readonly [Case, Outcome]>[] = [
    runFunctions(of('function'), surroundings),
    runCorefiles(of('corefile'), surroundings),
    runCorefileRuns(of('corefile-run'), surroundings),
    runQueries(of('query'), surroundings),
    runRcodeQueries(of('query-rcode'), surroundings),
    runPackets(of('wire'), surroundings),
    runTruncation(of('truncation'), surroundings),
    runSerialEvents(of('serial-event'), surroundings),
    runSequences(of('sequence'), surroundings),
    runMetadata(of('metadata'), surroundings),
    runTransfers(of('transfer'), surroundings),
  ];
  for (const run of runs) for await (const [one, outcome] of run) yield [one, judged(one, outcome)];
}

function judged({ id }: Case, outcome: Outcome): Outcome {
  return outcome.is === 'differs' && intended(id) !== undefined ? { is: 'intended', ids: [id] } : outcome;
}
