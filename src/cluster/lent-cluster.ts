/**
 * How plugins beside `kubernetes` answer from the cluster that it watches, without a watch of their own.
 *
 *     k8s_external --provides--> ClusterTenant <--finds-- kubernetes
 *                                     .open(LentCluster) <------ when it starts, which is after all plugins before it
 *
 *     query -> AnswerMemo -> answer
 *                 `- miss -> ClusterReader, which leaves traces -> AnswerMemo.keep(answer, traces)
 *
 * - A tenant's answers are as exact as those of `kubernetes`: kept until an object changes that the lookup looked at, or
 *   missed, and dropped then.
 * - What is lent is the tenant's until the function that its `open` returned is called.
 */
import type { Answer } from '../core/answer.ts';
import { Capability } from '../core/capability.ts';
import type { Query } from '../core/query.ts';
import type { Endpoint, EndpointSlice, Service } from '../kube/objects.ts';
import type { Cluster } from '../kube/store.ts';

/** A plugin that answers from the cluster of its block. */
export interface ClusterTenant {
  /** Called when `kubernetes` starts; what is returned, when it stops. */
  open(cluster: LentCluster): () => void;
}

export const clusterTenants = new Capability<ClusterTenant>();

export interface LentCluster {
  readonly cluster: Cluster;
  /** Of the records that `kubernetes` makes, in seconds. */
  readonly ttl: number;
  /** The server's own addresses, without loopback. */
  readonly ownAddresses: readonly string[];
  /** The one name that an endpoint's address has under its service. */
  endpointName(endpoint: Endpoint, address: string): string;
  /**
   * What a question waits for while first lists are under way; undefined when it is not to wait. `isKnown`: whether those
   * that it needs are complete.
   */
  wait(isKnown: () => boolean): Promise<void> | undefined;
  /** A reader of the tenant's own. */
  reader(): ClusterReader;
  /** A memo of the tenant's own, shown in the metrics under `zone`; `serial` stands in the SOA records of its answers. */
  memo(zone: string, serial: { readonly value: number }): AnswerMemo;
}

/** The cluster as one lookup reads it: each read leaves a trace, also one that finds nothing. */
export interface ClusterReader {
  /** Starts a lookup. */
  begin(): void;
  /** What the lookup has read so far. */
  readonly traces: ReadonlySet<string>;
  /** Whether all that is watched of the cluster itself has been listed once. */
  readonly synced: boolean;
  /** True when the namespace exists and is served. */
  hasNamespace(name: string): boolean;
  service(namespace: string, name: string): Service | undefined;
  slicesOf(namespace: string, service: string): readonly EndpointSlice[];
  /** Slices with this ready address, as the API server writes it. */
  slicesByAddress(address: string): readonly EndpointSlice[];
}

/** Answers by question. An SOA record must stand last in its answer: its serial is renewed when the answer is found. */
export interface AnswerMemo {
  find(query: Query): Answer | undefined;
  /** `traces`: a change to one of them drops the answer. */
  keep(query: Query, answer: Answer, traces: ReadonlySet<string>): void;
  /** Drops what hangs on traces of the tenant's own. */
  drop(traces: Iterable<string>): void;
}
