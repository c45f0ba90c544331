import { typeCode } from '../../../src/dns/codes.ts';
import { exchangeUdp, questionWire } from '../../support/dns-client.ts';
import type { RawObject, StaticObjects } from '../../support/static-api.ts';
import type { QueryRcodeCase } from './case-file.ts';
import { alike, differs, type Outcome, refused } from './outcome.ts';
import { readingOf } from './reading.ts';
import type { Surroundings } from './surroundings.ts';

/** Questions for headless services of which only the rcode is known: do names of endpoints follow the watch? */
export async function* runRcodeQueries(
  cases: readonly QueryRcodeCase[],
  surroundings: Surroundings,
): AsyncGenerator<[QueryRcodeCase, Outcome]> {
  for (const one of cases) yield [one, await run(one, surroundings)];
}

async function run(one: QueryRcodeCase, surroundings: Surroundings): Promise<Outcome> {
  const { qname: name, qtype, rcode } = one;
  try {
    await using served = await surroundings.serve({ corefile: corefileOf(one), objects });
    const reply = await exchangeUdp(served.server.port, questionWire({ name, type: typeCode(qtype) ?? 0 }));
    const head = reply === undefined ? 'no reply' : readingOf(reply).head;
    return head.startsWith(`${rcode} `) ? alike : differs(`- ${rcode}\n+ ${head}`);
  } catch (error) {
    return refused(error);
  }
}

/** The second zone is one of several clusters. A case that does not ask for it goes without. */
function corefileOf({ qname, zones, corefileOptions }: QueryRcodeCase): string {
  const isMulticluster = qname.endsWith('.clusterset.local.');
  const served = isMulticluster ? zones : zones.slice(0, 1);
  const options = [...corefileOptions, ...(isMulticluster ? ['multicluster clusterset.local'] : [])];
  return `.:<port> {\nkubernetes ${served.join(' ')} {\nendpoint <api-url>\n${options.join('\n')}\n}\n}\n`;
}

const namespace = 'testns';
const names = ['svc1', 'svc2', 'svc3', 'svc4'];
const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];

/** Four headless services with an endpoint each, in this cluster and as imported from another. */
const objects: StaticObjects = {
  namespaces: [{ metadata: { name: namespace } }],
  services: names.map((name) => ({
    metadata: { name, namespace },
    spec: { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], ports },
  })),
  serviceimports: names.map((name) => ({ metadata: { name, namespace }, spec: { type: 'Headless', ips: [], ports } })),
  endpointslices: names.flatMap((name, i) => [
    slice(name, i, { 'kubernetes.io/service-name': name }),
    slice(`${name}-mc`, i, {
      'multicluster.kubernetes.io/service-name': name,
      'multicluster.kubernetes.io/source-cluster': 'cluster1',
    }),
  ]),
};

function slice(name: string, i: number, labels: Readonly<Record<string, string>>): RawObject {
  return {
    metadata: { name, namespace, labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: [`10.0.0.${i}`] }],
    ports,
  };
}
