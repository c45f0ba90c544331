import t from 'tap';
import { Cluster, startApiServer } from '../../src/devcluster/index.ts';
import { TYPE } from '../../src/dns/codes.ts';
import { parseMessage } from '../../src/dns/message.ts';
import { rdataText } from '../../src/dns/text.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { exchangeUdp, questionWire } from '../support/dns-client.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import { startServer } from '../support/running-server.ts';

/**
 * All endpoints of a service are replaced again and again, a generation at a time, while watches are cut and the API server
 * comes and goes. Somebody who asks all the time sees whole generations only, and never an older one than before.
 */
const ENDPOINTS = 100;
const GENERATIONS = 300;

const parts = { clock: systemClock, random: seededRandom(1), log: memoryLog() };
const cluster = new Cluster(parts);
const api = await startApiServer({ ...parts, cluster });
t.teardown(() => api.close());

function slice(generation: number) {
  const network = `10.${generation >> 8}.${generation & 0xff}`;
  return {
    metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80 }],
    endpoints: Array.from({ length: ENDPOINTS }, (_, i) => ({
      addresses: [`${network}.${i + 1}`],
      conditions: { ready: true },
    })),
  };
}

function replaceAll(generation: number): void {
  cluster.patch('EndpointSlice', 'default', 'web-1', { type: 'merge', body: slice(generation) });
}

/** The generation that a name is answered with; NaN for half a set, or a mixed one. */
async function generationOf(port: number, name: string): Promise<number> {
  const wire = questionWire({ name: `${name}.default.svc.cluster.local.`, edns: { udpSize: 8192 } });
  const reply = await exchangeUdp(port, wire);
  const { answer } = parseMessage(reply ?? Buffer.alloc(0));
  const addresses = answer.filter(({ type }) => type === TYPE.A).map(({ data }) => rdataText(data).split('.'));
  const generations = new Set(addresses.map(([, high, low]) => 256 * Number(high) + Number(low)));
  const [generation = NaN] = generations;
  return addresses.length === ENDPOINTS && generations.size === 1 ? generation : NaN;
}

async function disturb(generation: number): Promise<void> {
  if (generation % 25 === 0) api.cutWatches();
  if (generation % 100 !== 0) return;
  await api.stop();
  replaceAll(generation + 1);
  if (generation % 200 === 0) api.expireHistory();
  await api.start();
}

t.test('an observer sees whole generations, one after the other', async (t) => {
  const service = (name: string, spec: object): unknown =>
    cluster.create('Service', 'default', { metadata: { name }, spec });
  service('web', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] });
  service('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' });
  cluster.create('EndpointSlice', 'default', slice(1));
  const block = `kubernetes cluster.local {\nendpoint ${api.url}\n}`;
  const server = await startServer(`.:0 {\nbind 127.0.0.1\n${block}\ncache 30\nloadbalance\n}\n`);
  t.teardown(() => server.close());

  const seen = [await generationOf(server.port, 'web')];
  for (let generation = 2; generation <= GENERATIONS; generation++) {
    replaceAll(generation);
    await disturb(generation);
    for (const name of ['web', 'alias', 'web']) seen.push(await generationOf(server.port, name));
  }
  while (seen.at(-1) !== GENERATIONS + 1) seen.push(await generationOf(server.port, 'alias'));

  t.same(seen.filter(Number.isNaN), [], 'each is whole');
  t.same(
    seen,
    seen.toSorted((a, b) => a - b),
    'none is older than the one before',
  );
  t.ok(new Set(seen).size > 20, `${new Set(seen).size} generations were seen`);
});
