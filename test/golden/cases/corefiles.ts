import { definePlugin } from '../../../src/core/plugin.ts';
import { type KubernetesConfig, parseKubernetes } from '../../../src/plugins/kubernetes/config.ts';
import { build } from '../../support/env.ts';
import type { CorefileCase } from './case-file.ts';
import { alike, compared, differs, lacking, messageOf, needs, type Outcome } from './outcome.ts';
import type { Surroundings } from './surroundings.ts';

/** One plugin's directives: is it taken, and as what. */
export async function* runCorefiles(
  cases: readonly CorefileCase[],
  surroundings: Surroundings,
): AsyncGenerator<[CorefileCase, Outcome]> {
  for (const one of cases) {
    const isKubernetes = one.corefile?.startsWith('kubernetes') ?? false;
    yield [one, isKubernetes ? runKubernetes(one) : await runOther(one, surroundings)];
  }
}

function runKubernetes(one: CorefileCase): Outcome {
  let config: KubernetesConfig | undefined;
  const plugin = definePlugin<KubernetesConfig>({
    name: 'kubernetes',
    parse: (directives, scope) => (config = parseKubernetes(directives, scope)),
    create: () => ({}),
  });
  try {
    build(plugin, `.:0 {\n${one.corefile ?? ''}\n}\n`);
  } catch (error) {
    return refusal(error, one.shouldErr === true, one.errorContains ?? '');
  }
  if (one.shouldErr === true || config === undefined) return differs(`- refused: ${one.errorContains ?? ''}\n+ taken`);
  const fields = fieldsOf(config);
  const known = Object.entries(fields).filter(([name]) => name in one);
  const wanted = { ...one, ...(one.labels === undefined ? {} : { labels: sortedSelector(one.labels) }) };
  return compared(
    Object.fromEntries(known.map(([name]) => [name, Reflect.get(wanted, name)])),
    Object.fromEntries(known),
  );
}

/** A configuration in the words of the cases. */
function fieldsOf(config: KubernetesConfig): Readonly<Partial<CorefileCase>> {
  return {
    zoneCount: config.zones.length,
    namespaceCount: config.namespaces.length,
    labels: sortedSelector(config.labels),
    namespaceLabels: sortedSelector(config.namespaceLabels),
    pods: config.pods,
    fallthroughZones: config.fallthrough,
    startupTimeout: `${config.startupTimeoutMs / 1000}s`,
    endpoint_pod_names: config.endpointPodNames,
    endpointWatch: config.endpoints,
    multiclusterZones: config.multicluster,
    zonal: config.zonal,
    ignoreEmptyService: config.ignoreEmptyService,
    ttl: config.ttl,
  };
}

/** A selector whose requirements, and the values in their lists, stand in alphabetical order, as the reference shows it. */
function sortedSelector(selector: string): string {
  const requirements = selector.split(/,\s*(?![^(]*\))/).map((requirement) =>
    requirement.replace(/\((.*)\)/, (_, values: string) => {
      const sorted = values.split(',').map((value) => value.trim());
      return `(${sorted.toSorted().join(',')})`;
    }),
  );
  return requirements.toSorted().join(',');
}

/** Only whether it is taken: what other plugins make of their directives shows in what they answer. */
async function runOther(one: CorefileCase, surroundings: Surroundings): Promise<Outcome> {
  const [text, shouldErr, errorContains] =
    one.raw === undefined
      ? [one.corefile ?? '', one.shouldErr === true, one.errorContains ?? '']
      : [one.raw[0], one.raw[1], one.raw[5]];
  const resolvConf = surroundings.write('resolv.conf', 'nameserver 127.0.0.1\nsearch bar.com baz.com\n');
  const directives = text.replace('@resolv', resolvConf);
  try {
    const corefile = `.:<port> {\nkubernetes cluster.local {\nendpoint <api-url>\n}\n${directives}\n}\n`;
    const served = await surroundings.serve({ corefile });
    await served[Symbol.asyncDispose]();
  } catch (error) {
    return refusal(error, shouldErr, errorContains);
  }
  return shouldErr ? differs(`- refused: ${errorContains}\n+ taken`) : alike;
}

function refusal(error: unknown, shouldErr: boolean, errorContains: string): Outcome {
  const what = lacking(error);
  if (what !== undefined) return needs(what);
  const message = messageOf(error);
  if (shouldErr && message.includes(errorContains)) return alike;
  return differs(`- ${shouldErr ? `refused: ${errorContains}` : 'taken'}\n+ refused: ${message}`);
}
