import { type DirectiveCursor, type LineCursor, readOnce } from '../../corefile/cursor.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { isReverseZone, keyOf } from '../../dns/name.ts';
import type { RequestLimits } from '../../kube/request-gate.ts';
import type { PodMode } from './backend.ts';
import { checkSelector } from './selector.ts';

export interface KubernetesConfig {
  readonly zones: readonly string[];
  /** The first zone that is no reverse zone: it ends the targets of PTR records. */
  readonly primaryZone: string;
  readonly access: ApiAccess;
  /** Of requests to the API server; undefined where the Corefile says nothing of them. */
  readonly limits: RequestLimits | undefined;
  /** Empty: every namespace. */
  readonly namespaces: readonly string[];
  /** Label selectors; '' selects everything. */
  readonly namespaceLabels: string;
  readonly labels: string;
  readonly pods: PodMode;
  /** Keep the labels of pods: `metadata` makes labels of them. */
  readonly podLabels: boolean;
  readonly endpointPodNames: boolean;
  readonly endpoints: boolean;
  /** Whether `_zone` names are answered. */
  readonly zonal: boolean;
  /** The keys of those of the zones that are about services of several clusters. */
  readonly multicluster: readonly string[];
  readonly ttl: number;
  readonly fallthrough: readonly string[];
  readonly ignoreEmptyService: boolean;
  /** How long questions for the cluster wait for the first lists. */
  readonly startupTimeoutMs: number;
}

/** Where the API server is, and as whom to speak to it. */
export type ApiAccess =
  | { readonly by: 'pod' }
  | { readonly by: 'kubeconfig'; readonly file: string; readonly context: string }
  | { readonly by: 'endpoint'; readonly url: string; readonly tls: ClientTls | undefined };

export interface ClientTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

const DEFAULT_TTL = 5;
const MAX_TTL = 3600;
const DEFAULT_STARTUP_MS = 5000;

type Draft = { -readonly [Key in keyof KubernetesConfig]: KubernetesConfig[Key] } & {
  endpoint: string | undefined;
  tls: ClientTls | undefined;
};

/** Throws CorefileError. */
export function parseKubernetes(directives: readonly Directive[], scope: BlockScope): KubernetesConfig {
  const draft: Draft = {
    zones: [],
    primaryZone: '',
    access: { by: 'pod' },
    limits: undefined,
    namespaces: [],
    namespaceLabels: '',
    labels: '',
    pods: 'disabled',
    podLabels: scope.plugins.has('metadata'),
    endpointPodNames: false,
    endpoints: true,
    zonal: false,
    multicluster: [],
    ttl: DEFAULT_TTL,
    fallthrough: [],
    ignoreEmptyService: false,
    startupTimeoutMs: DEFAULT_STARTUP_MS,
    endpoint: undefined,
    tls: undefined,
  };
  readOnce(directives, scope, (directive) => {
    draft.zones = [...new Set(directive.zones())];
    directive.options(optionsFor(draft));
    finish(draft, directive);
  });
  return draft;
}

function optionsFor(draft: Draft): Record<string, (option: LineCursor) => void> {
  return {
    endpoint(option) {
      const [first = '', ...others] = option.args(1);
      if (others.length > 0) {
        option.warn(`Multiple endpoints have been deprecated, only the first specified endpoint '${first}' is used`);
      }
      draft.endpoint = checkedUrl(option, first);
    },
    tls(option) {
      const [certFile = '', keyFile = '', caFile = ''] = option.args(3, 3);
      draft.tls = { certFile, keyFile, caFile };
    },
    kubeconfig(option) {
      const [file = '', context = ''] = option.args(1, 2);
      draft.access = { by: 'kubeconfig', file, context };
    },
    namespaces(option) {
      draft.namespaces = [...draft.namespaces, ...option.args(1)];
    },
    namespace_labels(option) {
      draft.namespaceLabels = selector(option, 'namespace_label selector');
    },
    labels(option) {
      draft.labels = selector(option, 'label selector');
    },
    pods(option) {
      const [mode = ''] = option.args(1, 1);
      if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified') {
        throw option.error(`wrong value for pods: ${mode},  must be one of: disabled, verified, insecure`);
      }
      draft.pods = mode;
    },
    endpoint_pod_names: () => void (draft.endpointPodNames = true),
    noendpoints: () => void (draft.endpoints = false),
    ttl(option) {
      const ttl = option.integer();
      option.ignoreRest();
      if (ttl < 0 || ttl > MAX_TTL) throw option.parseError(`ttl must be in range [0, ${MAX_TTL}]: ${ttl}`);
      draft.ttl = ttl;
    },
    fallthrough: (option) => void (draft.fallthrough = option.zones(['.'])),
    ignore(option) {
      const what = option.optionalArg() ?? '';
      option.ignoreRest();
      if (what !== '' && what !== 'empty_service') throw option.error(`unable to parse ignore value: '${what}'`);
      draft.ignoreEmptyService = what !== '';
    },
    startup_timeout(option) {
      const ms = option.duration((problem, word) =>
        option.error(`failed to parse startup_timeout: ${word}, ${problem}`),
      );
      option.ignoreRest();
      if (ms <= 0) throw option.error('startup_timeout must be longer than 0s');
      draft.startupTimeoutMs = ms;
    },
    zonal: () => void (draft.zonal = true),
    multicluster(option) {
      draft.multicluster = option.zones([]).map(keyOf);
      const served = draft.zones.map(keyOf);
      for (const zone of draft.multicluster) {
        if (served.includes(zone)) continue;
        const zones = `(authoritative zones: [${draft.zones.join(' ')}])`;
        throw option.parseError(`is not authoritative for the multicluster zone ${zone} ${zones}`);
      }
    },
    ...limitOptions(draft),
  };
}

const NO_LIMITS: RequestLimits = { qps: 0, burst: 0, maxInflight: 0 };

function limitOptions(draft: Draft): Record<string, (option: LineCursor) => void> {
  function limit(name: keyof RequestLimits, read: 'float' | 'integer'): (option: LineCursor) => void {
    return (option) => {
      const value = option[read]((problem, word) => option.parseError(`invalid ${option.name} "${word}": ${problem}`));
      if (value < 0) throw option.parseError(`${option.name} must be >= 0`);
      draft.limits = { ...(draft.limits ?? NO_LIMITS), [name]: value };
    };
  }
  return {
    apiserver_qps: limit('qps', 'float'),
    apiserver_burst: limit('burst', 'integer'),
    apiserver_max_inflight: limit('maxInflight', 'integer'),
  };
}

function selector(option: LineCursor, what: string): string {
  const text = option.args(1).join(' ');
  const problem = checkSelector(text);
  if (problem !== undefined) throw option.error(`unable to parse ${what} value: '${text}': ${problem}`);
  return text;
}

function checkedUrl(option: LineCursor, text: string): string {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw option.error(`endpoint '${text}' is no URL such as https://10.0.0.1:6443`);
  }
  return url.href;
}

function finish(draft: Draft, directive: DirectiveCursor): void {
  if (draft.namespaces.length > 0 && draft.namespaceLabels !== '') {
    directive.attempt(() => {
      throw directive.parseError('namespaces and namespace_labels cannot both be set');
    });
  }
  if (draft.zonal && !draft.endpoints) {
    directive.attempt(() => {
      throw directive.parseError('zonal requires the endpoint cache; remove noendpoints');
    });
  }
  const primary = draft.zones.find((zone) => !isReverseZone(zone));
  if (primary === undefined) throw directive.error('non-reverse zone name must be used');
  draft.primaryZone = keyOf(primary);
  if (draft.access.by === 'pod' && draft.endpoint !== undefined) {
    draft.access = { by: 'endpoint', url: draft.endpoint, tls: draft.tls };
  }
}
