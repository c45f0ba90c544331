import { readFileSync } from 'node:fs';
import { startApiServer, type ApiServer, type ApiServerOptions } from '../../src/devcluster/api-server.ts';
import { Cluster } from '../../src/devcluster/cluster.ts';
import { startControllers } from '../../src/devcluster/controllers/controllers.ts';
import { ManualClock } from '../support/clock.ts';
import { memoryLog } from '../support/log.ts';
import { seededRandom } from '../support/random.ts';
import type { Sent } from './client.ts';

export interface World {
  readonly cluster: Cluster;
  readonly clock: ManualClock;
  readonly log: ReturnType<typeof memoryLog>;
}

/** A cluster with its controllers, on a manual clock; pods end at once unless `podStopMs` says otherwise. */
export function world({ podStopMs = 0, historyLimit }: { podStopMs?: number; historyLimit?: number } = {}): World & {
  readonly stop: () => void;
} {
  const clock = new ManualClock();
  const log = memoryLog();
  const cluster = new Cluster({ clock, random: seededRandom(1), log, ...(historyLimit ? { historyLimit } : {}) });
  return { cluster, clock, log, stop: startControllers(cluster, { clock, log, podStopMs }) };
}

/** An API server on any free port over a cluster without controllers: objects are what a test makes them. */
export async function serve(
  options: Partial<ApiServerOptions> & { readonly historyLimit?: number } = {},
): Promise<World & { readonly server: ApiServer }> {
  const clock = new ManualClock();
  const log = memoryLog();
  const random = seededRandom(1);
  const { historyLimit } = options;
  const cluster = new Cluster({ clock, random, log, ...(historyLimit ? { historyLimit } : {}) });
  const server = await startApiServer({ cluster, clock, random, log, ...options });
  return { cluster, clock, log, server };
}

/** The namespace demo with the Services db (headless), ext (ExternalName) and web, as it was when answers were recorded. */
export function createDemo(cluster: Cluster): void {
  cluster.create('Namespace', undefined, { metadata: { name: 'demo' } });
  const port = { name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 };
  cluster.create('Service', 'demo', {
    metadata: { name: 'db', labels: { app: 'db', tier: 'back' } },
    spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [port] },
  });
  cluster.create('Service', 'demo', {
    metadata: { name: 'ext', labels: { app: 'ext' } },
    spec: { type: 'ExternalName', externalName: 'bar.com' },
  });
  cluster.create('Service', 'demo', {
    metadata: { name: 'web', labels: { app: 'web', tier: 'front' } },
    spec: { clusterIP: '10.96.103.88', selector: { app: 'web' }, ports: [port] },
  });
}

/** A request and how the API server answered it. */
export interface RecordedAnswer extends Sent {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly type: string;
  readonly retryAfter?: string;
  /** Who asked, where that is the point. */
  readonly client?: string;
  readonly answer?: string;
}

export interface Recorded {
  readonly refusals: readonly RecordedAnswer[];
  readonly access: readonly RecordedAnswer[];
  readonly expired: readonly RecordedAnswer[];
  /** What kubectl create sends, and the object it made. */
  readonly 'kubectl-create': readonly {
    readonly command: string;
    readonly url: string;
    readonly bodyBase64: string;
    readonly created: object;
  }[];
  /** Lines of watches that carry no object of their own: marks, bookmarks, an error. */
  readonly lines: readonly string[];
  /** A namespace after a long scenario, without what differs from run to run. */
  readonly life: {
    readonly services: readonly RecordedObject[];
    readonly slices: readonly RecordedSlice[];
    readonly pods: readonly RecordedObject[];
  };
}

export interface RecordedObject {
  readonly metadata: { readonly name: string; readonly labels?: { readonly [key: string]: string } };
  readonly spec: { readonly type?: string; readonly externalName?: string };
}

export interface RecordedSlice {
  readonly metadata: { readonly generateName?: string; readonly labels: { readonly [key: string]: string } };
  readonly addressType: string;
  readonly endpoints: readonly object[] | null;
}

/** What lies in test/devcluster/data: recorded from kube-apiserver v1.36.3 and kubectl. */
export function recorded<K extends keyof Recorded>(name: K): Recorded[K] {
  return JSON.parse(readFileSync(new URL(`data/recorded-${name}.json`, import.meta.url), 'utf8'));
}
