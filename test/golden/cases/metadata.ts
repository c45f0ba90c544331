import { kubernetesLabels } from '../../../src/plugins/kubernetes/metadata.ts';
import { queryFor } from '../../support/ask.ts';
import { kubernetesConfig } from '../../support/cluster-zones.ts';
import type { MetadataCase } from './case-file.ts';
import { compared, type Outcome, refused } from './outcome.ts';
import { storeOf } from './store.ts';
import type { Surroundings } from './surroundings.ts';

/** One question each: every label that it has, and no other. */
export async function* runMetadata(
  cases: readonly MetadataCase[],
  surroundings: Surroundings,
): AsyncGenerator<[MetadataCase, Outcome]> {
  for (const one of cases) yield [one, run(one, surroundings)];
}

function run(one: MetadataCase, surroundings: Surroundings): Outcome {
  const { fixture, zones, corefileOptions, qname, qtype, clientIP, metadata } = one;
  try {
    const objects = surroundings.objects(fixture);
    const store = storeOf(objects);
    const source = kubernetesLabels(kubernetesConfig(zones.join(' '), corefileOptions), () => store);
    const query = queryFor(`${qname} ${qtype}`, { peer: { address: clientIP } });
    const podLabels = (objects.pods ?? []).flatMap((pod) => Object.keys(pod.metadata['labels'] ?? {}));
    const labels = source.labels.flatMap((label) =>
      label.endsWith('/') ? podLabels.map((key) => `${label}${key}`) : [label],
    );
    const values = labels.map((label) => [label, source.value(query, label)] as const);
    return compared(sorted(Object.entries(metadata)), sorted(values.filter(([, value]) => value !== undefined)));
  } catch (error) {
    return refused(error);
  }
}

function sorted<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
