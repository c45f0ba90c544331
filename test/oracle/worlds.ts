import { openClusterZones } from '../../src/plugins/kubernetes/cluster-zones.ts';
import { Serial } from '../../src/plugins/kubernetes/serial.ts';
import { Startup } from '../../src/plugins/kubernetes/startup.ts';
import { recordsOf } from '../../src/core/encode.ts';
import type { Handler } from '../../src/core/handler.ts';
import { slim } from '../../src/kube/resources.ts';
import { ClusterStore } from '../../src/kube/store.ts';
import type { Random } from '../../src/runtime/random.ts';
import { queryFor } from '../support/ask.ts';
import { ManualClock } from '../support/clock.ts';
import { kubernetesConfig, outside } from '../support/cluster-zones.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import { bookText } from './book-text.ts';
import { type Objects, openBook, type Options, type RawService, type RawSlice } from './oracle.ts';

/**
 * Random worlds, random events, random questions: after each event the engine at work, which remembers what it was asked
 * before, and the oracle, which remembers nothing, must say the same. Names and addresses are few, so that they collide.
 */
export interface Disagreement {
  readonly seed: number;
  readonly step: number;
  readonly event: string;
  readonly question: string;
  readonly oracle: string;
  readonly engine: string;
}

const EVENTS = 40;
const QUESTIONS_AFTER_EVENT = 25;
const kinds = ['Namespace', 'Service', 'EndpointSlice', 'Pod'] as const;
type Kind = (typeof kinds)[number];

/** Lives through one world; returns the first disagreement. */
export async function liveThrough(seed: number): Promise<Disagreement | undefined> {
  const random = seededRandom(seed);
  const dice = new Dice(random);
  const world = new World(dice);
  for (let step = 0; step < EVENTS; step++) {
    const event = world.happen();
    const book = openBook(world.objects, world.options);
    for (let i = 0; i < QUESTIONS_AFTER_EVENT; i++) {
      const question = dice.question();
      const [expected, got] = [book(question), await world.ask(question)];
      if (expected !== got) return { seed, step, event, question, oracle: expected, engine: got };
    }
  }
  return undefined;
}

interface Raw {
  readonly [field: string]: unknown;
  readonly metadata: { readonly namespace: string; readonly name: string; readonly [field: string]: unknown };
}

class World {
  readonly options: Options;
  readonly #dice: Dice;
  readonly #held: Record<Kind, Map<string, Raw>> = {
    Namespace: new Map(),
    Service: new Map(),
    EndpointSlice: new Map(),
    Pod: new Map(),
  };
  readonly #store: ClusterStore;
  readonly #handler: Handler;
  #version = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
    this.options = dice.options();
    const clock = new ManualClock();
    this.#store = new ClusterStore(kinds, clock);
    const startup = new Startup(this.#store, { clock, log: memoryLog(), limitMs: 5000 });
    for (const kind of kinds) {
      this.#store.apply({ type: 'listing', kind, reason: 'start' });
      this.#store.apply({ type: 'listed', kind });
    }
    const zones = openClusterZones(kubernetesConfig('cluster.local in-addr.arpa', linesFor(this.options)), {
      cluster: this.#store,
      serial: new Serial(),
      startup,
      ownAddresses: [],
      resolve: (query) => this.#handler(query),
      next: outside,
      clock,
    });
    this.#handler = zones.handler;
  }

  get objects(): Objects {
    const all = <T>(kind: Kind): T[] => [...this.#held[kind].values()] as T[];
    return {
      namespaces: all('Namespace'),
      services: all<RawService>('Service'),
      slices: all<RawSlice>('EndpointSlice'),
      pods: all('Pod'),
    };
  }

  /** Something comes, changes or goes; says what. */
  happen(): string {
    const kind = this.#dice.one(['Namespace', 'Service', 'Service', 'EndpointSlice', 'EndpointSlice', 'Pod'] as const);
    const raw = this.#dice.object(kind, String(++this.#version));
    const { namespace, name } = raw.metadata;
    const key = `${namespace}/${name}`;
    const known = this.#held[kind].has(key);
    if (known && this.#dice.chance(3)) {
      this.#held[kind].delete(key);
      this.#store.apply({ type: 'changes', kind, changes: [{ gone: { namespace, name } }] });
      return `${kind} ${key} went`;
    }
    const slimmed = slim({ kind, withZones: this.options.zonal }, raw);
    if (slimmed.is !== 'object') throw new Error(`${kind} ${key} is ${slimmed.is}`);
    this.#held[kind].set(key, raw);
    this.#store.apply({ type: 'changes', kind, changes: [{ put: slimmed.object }] });
    return `${kind} ${key} ${known ? 'changed' : 'came'}: ${JSON.stringify(raw)}`;
  }

  async ask(question: string): Promise<string> {
    const query = queryFor(question);
    const answer = await this.#handler(query);
    return bookText({ ...recordsOf(query, answer), rcode: answer.rcode });
  }
}

function linesFor({ pods, namespaces, endpointPodNames, ignoreEmpty, zonal }: Options): string[] {
  const lines = [`pods ${pods}`];
  if (namespaces.length > 0) lines.push(`namespaces ${namespaces.join(' ')}`);
  if (endpointPodNames) lines.push('endpoint_pod_names');
  if (ignoreEmpty) lines.push('ignore empty_service');
  if (zonal) lines.push('zonal');
  return lines;
}

const namespaces = ['a', 'b', 'svc'];
const names = ['web', 'db', 'x'];
const hosts = ['h-0', 'h-1'];
const addresses = ['10.0.0.1', '10.0.0.2', '10.1.0.1', '10.1.0.2', '10.1.0.3', 'fd00::1', 'fd00:0:0:1::'];
const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
  { port: 53, protocol: 'TCP' },
];
const zonalParts = ['a.pin', 'b.pin', 'c.d.pin', 'd.pin', 'a.prefer', 'b.prefer', 'e.prefer', 'pin', 'a.none'];
const types = ['A', 'A', 'A', 'AAAA', 'SRV', 'SRV', 'CNAME', 'TXT', 'MX', 'HTTPS', 'SOA', 'ANY'];

/** No two services share a cluster address; two of them have one that endpoints may have as well. */
function clusterAddress({ namespace, name }: Raw['metadata']): string {
  const number = namespaces.indexOf(namespace) * names.length + names.indexOf(name);
  return clusterAddresses[number] ?? '';
}

const clusterAddresses = ['10.0.0.1', '10.0.0.2', ...Array.from({ length: 7 }, (_, i) => `10.2.0.${i}`)];

class Dice {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  one<T>(values: readonly [T, ...T[]] | readonly T[]): T {
    const value = values[this.#random.below(values.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  /** True once in `n`. */
  chance(n: number): boolean {
    return this.#random.below(n) === 0;
  }

  some<T>(values: readonly T[]): T[] {
    return values.filter(() => this.chance(2));
  }

  options(): Options {
    return {
      pods: this.one(['disabled', 'insecure', 'verified'] as const),
      namespaces: this.chance(4) ? ['a', 'svc'] : [],
      endpointPodNames: this.chance(3),
      ignoreEmpty: this.chance(3),
      zonal: this.chance(2),
    };
  }

  object(kind: Kind, resourceVersion: string): Raw {
    const metadata = { namespace: this.one(namespaces), name: this.one(names), resourceVersion };
    switch (kind) {
      case 'Namespace':
        return { metadata: { ...metadata, namespace: '', name: this.one(namespaces) } };
      case 'Service':
        return { metadata, spec: this.#service(metadata) };
      case 'EndpointSlice':
        return this.#slice({ ...metadata, name: `${metadata.name}-${this.one(['1', '2'])}` });
      case 'Pod':
        return { metadata, status: { phase: 'Running', podIPs: [{ ip: this.one(addresses) }] } };
      default:
        return kind satisfies never;
    }
  }

  #service(metadata: Raw['metadata']): object {
    if (this.chance(4)) {
      const part = this.chance(6) ? 'a.prefer._zone.' : '';
      const inside = `${part}${this.one(names)}.${this.one(namespaces)}.svc.cluster.local`;
      return {
        type: 'ExternalName',
        externalName: this.one([inside, inside, 'www.example.test', '10.0.0.1', 'cluster.local']),
      };
    }
    const clusterIPs = this.chance(2) ? ['None'] : [clusterAddress(metadata), ...(this.chance(3) ? ['fd00::9'] : [])];
    return { type: 'ClusterIP', clusterIPs, ports: this.some(ports) };
  }

  #slice(metadata: Raw['metadata']): Raw {
    const family = this.chance(3) ? 'IPv6' : 'IPv4';
    const own = addresses.filter((address) => address.includes(':') === (family === 'IPv6'));
    const labels = this.chance(8) ? {} : { 'kubernetes.io/service-name': this.one(names) };
    const endpoints = this.some(own).map((address) => ({
      addresses: [address],
      conditions: this.one([{ ready: true }, { ready: true }, { ready: false }, {}]),
      ...(this.chance(3) ? { hostname: this.one(hosts) } : {}),
      ...(this.chance(3) ? {} : { zone: this.one(['A', 'b', 'c.d']) }),
      ...(this.chance(2) ? { targetRef: { kind: 'Pod', name: this.one(['pod-a', 'pod-b']) } } : {}),
    }));
    const slicePorts = this.some(ports).map((port) => ({ name: '', ...port }));
    return {
      metadata: { ...metadata, labels },
      addressType: family,
      endpoints: endpoints.length === 0 ? null : endpoints,
      ports: slicePorts.length === 0 ? null : slicePorts,
    };
  }

  question(): string {
    if (this.chance(6)) {
      const reversed = this.one([...addresses.slice(0, 5), ...clusterAddresses])
        .split('.')
        .reverse()
        .join('.');
      return `${reversed}.in-addr.arpa. ${this.one(['PTR', 'PTR', 'PTR', 'A', 'SOA'])}`;
    }
    const service = `${this.one(names)}.${this.one(namespaces)}.svc`;
    const pod = `${this.one(addresses).replace(/[.:]/g, '-')}.${this.one(namespaces)}.pod`;
    const endpoint = this.one([
      ...hosts,
      'pod-a',
      ...addresses.map((address) => address.replace(/[.:]/g, '-').replace(/-$/, '-0')),
    ]);
    const port = `${this.one(['_http', 'http', '_dns', '_', '_none'])}.${this.one(['_tcp', 'udp', '_', '_x'])}`;
    const label = this.one([
      `${service}.`,
      `${service}.`,
      `${endpoint}.${service}.`,
      `${endpoint}.${service}.`,
      `${port}.${service}.`,
      `${this.one(zonalParts)}._zone.${service}.`,
      `${pod}.`,
      `x.${pod}.`,
      `${this.one(namespaces)}.svc.`,
      `${this.one(namespaces)}.pod.`,
      this.one(['', 'svc.', 'pod.', 'dns-version.', 'foo.', 'a.b.c.', `x.y.z.${service}.`]),
    ]);
    return `${label}cluster.local. ${this.one(types)}`;
  }
}
