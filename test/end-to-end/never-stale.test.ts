import t from 'tap';
import { Cluster, startApiServer, startControllers } from '../../src/devcluster/index.ts';
import { openAccess } from '../../src/kube/access.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Hand } from '../never-stale/hand.ts';
import { observe } from '../never-stale/observe.ts';
import { Questions } from '../never-stale/questions.ts';
import { setups } from '../never-stale/setups.ts';
import { stepsOf } from '../never-stale/steps.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import { startServer } from '../support/running-server.ts';
import { labelledUpstream, startStubUpstream } from '../support/stub-upstream.ts';

/**
 * Steps of a cluster's life on the embedded cluster; `npm run never-stale` takes the same on a real one. After each,
 * names of services, and some of the rest that any object ever had, are asked of servers that differ in what stands around the
 * cluster's zones; after the last one all are.
 */
const parts = { clock: systemClock, random: seededRandom(3), log: memoryLog() };
const cluster = new Cluster(parts);
t.teardown(startControllers(cluster, { ...parts, podStopMs: 0 }));
const api = await startApiServer({ ...parts, cluster });
t.teardown(() => api.close());

async function restart(): Promise<void> {
  await api.stop();
  await api.start();
}

const disturbances = {
  restart,
  async restartForgetful() {
    await api.stop();
    api.expireHistory();
    await api.start();
  },
  cutWatches() {
    api.cutWatches();
    return Promise.resolve();
  },
};

/** The embedded cluster does all that follows from a change at once. */
const QUIET_MS = 150;
const PATIENCE_MS = 15_000;
/** Half a second is the aim, on a machine that has nothing else to do. */
const LIMIT_MS = 2000;
const thorough = { allAfterMs: LIMIT_MS, quietMs: LIMIT_MS + 500 };

t.test('after every step all names are as the objects say', async (t) => {
  const upstream = await startStubUpstream(labelledUpstream);
  t.teardown(() => upstream.close());
  const hand = new Hand(await openAccess({ from: 'endpoint', url: api.url }));
  const servers = await Promise.all(
    setups.map(async (setup) => {
      return { ...setup, server: await startServer(setup.corefile(`endpoint ${api.url}`, upstream.address)) };
    }),
  );
  t.teardown(() => Promise.all(servers.map(({ server }) => server.close())));
  const observed = servers.map(({ server, ...setup }) => ({ ...setup, port: server.port }));
  const questions = new Questions();
  const steps = stepsOf(hand, disturbances);
  let slowestMs = 0;
  for (const [step, { what, act }] of steps.entries()) {
    await act?.();
    const how = { hand, questions, step, quietMs: QUIET_MS, patienceMs: PATIENCE_MS };
    const findings = await observe(observed, step === steps.length - 1 ? { ...how, ...thorough } : how);
    for (const [i, { rightAfterMs, wrong }] of findings.entries()) {
      t.equal(wrong, undefined, `${what}: ${observed[i]?.name}`);
      slowestMs = Math.max(slowestMs, rightAfterMs);
    }
  }
  t.equal(steps.length, 27);
  t.ok(slowestMs < LIMIT_MS, `all right after at most ${Math.round(slowestMs)} ms`);
  t.comment(
    `${steps.length} steps, ${questions.all.length} questions, all right after at most ${Math.round(slowestMs)} ms`,
  );
});
