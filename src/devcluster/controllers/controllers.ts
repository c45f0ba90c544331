/**
 * What the controller manager and the kubelets do in a real cluster, in small.
 *
 *     Deployment, StatefulSet --workloads--> Pod --endpoint-slices--> EndpointSlice <-- Service
 *     deleted Pod --pods--> gone             deleted Namespace --namespaces--> empty, gone
 *
 * A controller notes what changed (`observe`) and acts when all have been told (`settle`); there is nothing to wait
 * for, so when a write returns, its consequences are stored. The one thing that takes time is a pod's end.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { Cluster } from '../cluster.ts';
import { EndpointSliceController } from './endpoint-slices.ts';
import { NamespaceController } from './namespaces.ts';
import { PodController } from './pods.ts';
import { WorkloadController } from './workloads.ts';

export interface ControllerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How long a deleted pod is seen terminating, in milliseconds; 1500 when absent. */
  readonly podStopMs?: number;
}

/** Starts the controllers on `cluster`; returns what stops them. */
export function startControllers(cluster: Cluster, { clock, log, podStopMs = 1500 }: ControllerOptions): () => void {
  const pods = new PodController(cluster, clock, podStopMs);
  // Namespaces come first: they take away the workloads before these would make new pods.
  const controllers = [
    new NamespaceController(cluster),
    new WorkloadController(cluster, log),
    pods,
    new EndpointSliceController(cluster),
  ];
  const stops = controllers.map((controller) => cluster.store.subscribe(controller));
  return () => {
    for (const stop of stops) stop();
    pods.close();
  };
}
