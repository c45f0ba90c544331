/**
 * Lives through the steps of `steps.ts` on a real control plane, and tells after each how long it took until the servers of
 * `setups.ts` said what the objects say, and whether all of them did half a second after the cluster came to rest: every name
 * that any object ever had is asked then.
 *
 *     npm run never-stale -- --kubeconfig FILE [--restart COMMAND] [--restart-forgetful COMMAND] [--cut COMMAND]
 *                            [--also NAME=PORT ...]
 *
 * The namespaces `default` and `shop` must be empty, and there must be no nodes: pods are run by a stand-in. `--also`: another
 * server on 127.0.0.1 that watches the same cluster, to be observed beside ours. A command returns when its work is done.
 * Exits with 1 when one of ours was not right half a second after the cluster came to rest.
 */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { openAccess } from '../../src/kube/access.ts';
import { startServer } from '../support/running-server.ts';
import { labelledUpstream, startStubUpstream } from '../support/stub-upstream.ts';
import { Hand } from './hand.ts';
import { type Finding, observe, type Observed } from './observe.ts';
import { Questions } from './questions.ts';
import { startStandInKubelet } from './stand-in-kubelet.ts';
import { asItIs, setups } from './setups.ts';
import { stepsOf } from './steps.ts';

const LIMIT_MS = 500;
const QUIET_MS = 2000;
const PATIENCE_MS = 4000;

const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    restart: { type: 'string' },
    'restart-forgetful': { type: 'string' },
    cut: { type: 'string' },
    also: { type: 'string', multiple: true, default: [] },
  },
});
const { kubeconfig, restart, cut, also } = values;
if (kubeconfig === undefined) {
  console.error(
    'which control plane? npm run never-stale -- --kubeconfig FILE; the rest is told in test/never-stale/run.ts',
  );
  process.exit(2);
}

const hand = new Hand(await openAccess({ from: 'kubeconfig', file: resolve(kubeconfig) }));
const commands = { restart, restartForgetful: values['restart-forgetful'], cutWatches: cut };
const steps = stepsOf(
  hand,
  Object.fromEntries(Object.entries(commands).flatMap(([name, text]) => disturbance(name, text))),
);

const stopKubelet = await startStandInKubelet(hand);
const upstream = await startStubUpstream(labelledUpstream);
const access = `kubeconfig ${resolve(kubeconfig)}`;
const servers = await Promise.all(
  setups.map(async (setup) => ({ ...setup, server: await startServer(setup.corefile(access, upstream.address)) })),
);
const observed: Observed[] = [
  ...servers.map(({ server, ...setup }) => ({ ...setup, port: server.port })),
  ...also.map((word) => ({ name: word.split('=')[0] ?? '', port: Number(word.split('=')[1]), ...asItIs })),
];

const questions = new Questions();
const right = new Map(observed.map(({ name }) => [name, 0]));
let done = 0;
// The first questions wait for the first lists, and for connections.
const how = { hand, questions, quietMs: QUIET_MS, patienceMs: PATIENCE_MS, allAfterMs: LIMIT_MS };
await observe(observed, { ...how, step: 0 });
console.log(`${'ms until right'.padEnd(40)}${observed.map(({ name }) => name.padStart(14)).join('')}`);
for (const [step, { what, act }] of steps.entries()) {
  if (act === undefined) {
    console.log(`${what.padEnd(40)} not done: no command for it`);
    continue;
  }
  done++;
  await act();
  const findings = await observe(observed, { ...how, step });
  for (const [i, { name }] of observed.entries()) {
    if (isRight(findings[i])) right.set(name, (right.get(name) ?? 0) + 1);
  }
  console.log(
    `${what.padEnd(40)}${findings
      .map(inWords)
      .map((text) => text.padStart(14))
      .join('')}`,
  );
  for (const [i, { wrong }] of findings.entries())
    if (wrong !== undefined) console.log(`    ${observed[i]?.name}: ${wrong}`);
}
console.log(
  `${`right after ${LIMIT_MS} ms, of ${done}`.padEnd(40)}${observed.map(({ name }) => `${right.get(name)}`.padStart(14)).join('')}`,
);
console.log(`${questions.all.length} questions`);

stopKubelet();
await Promise.all(servers.map(({ server }) => server.close()));
process.exit(servers.every(({ name }) => right.get(name) === done) ? 0 : 1);

function disturbance(name: string, command: string | undefined): [string, () => Promise<void>][] {
  if (command === undefined) return [];
  // The servers are in this process, and go on meanwhile.
  const run = promisify(execFile);
  return [[name, async () => void (await run('sh', ['-c', command]))]];
}

function isRight(finding: Finding | undefined): boolean {
  return finding !== undefined && finding.wrong === undefined && finding.rightAfterMs <= LIMIT_MS;
}

function inWords({ rightAfterMs, wrong }: Finding): string {
  return wrong === undefined ? String(Math.round(rightAfterMs)) : 'WRONG';
}
