import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { Addresses } from './objects/addresses.ts';
import { isJsonObject, withoutNulls, type JsonObject } from './objects/json.ts';
import {
  apiVersionOf,
  decode,
  resourceOf,
  type Kind,
  type KubeObject,
  type ObjectOf,
  type Resource,
} from './objects/kinds.ts';
import { inOrder, metadataShape, type Metadata, type MetadataInput, type OwnerReference } from './objects/metadata.ts';
import { applyPatch, type Patch } from './objects/patch.ts';
import { podIps } from './objects/pod.ts';
import { heldByService } from './objects/service.ts';
import { fields } from './objects/shape.ts';
import { alreadyExists, ApiError, badRequest, conflict, invalid, cause, notFound } from './objects/status.ts';
import { Store } from './store.ts';

export interface ClusterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How many changes a watch may be behind before it is told 410; 10,000 when absent. */
  readonly historyLimit?: number;
}

export interface WriteOptions {
  /** Do everything but store. */
  readonly dryRun?: boolean;
  /** What the object goes with: of which controller it is. */
  readonly owner?: OwnerReference;
}

export interface DeleteOptions {
  readonly dryRun?: boolean;
  /** Overrides a pod's own grace period; 0 takes the pod out at once. */
  readonly gracePeriodSeconds?: number;
  /** Delete only this very object. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

const DEFAULT_GRACE_SECONDS = 30;
const anyObject = fields({ metadata: metadataShape });

/**
 * The Kubernetes API without HTTP: create, read, update, patch and delete with admission, on the objects of one
 * cluster. What is refused is thrown as ApiError with the status the API server answers.
 */
export class Cluster {
  readonly store: Store;
  readonly #addresses = new Addresses();
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ clock, random, log, historyLimit }: ClusterOptions) {
    this.store = new Store(log, historyLimit);
    this.#clock = clock;
    this.#random = random;
    for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system']) {
      this.create('Namespace', undefined, { metadata: { name } });
    }
  }

  /** Throws 404. */
  get<K extends Kind>(kind: K, namespace: string | undefined, name: string): ObjectOf<K> {
    const found = this.store.get(kind, namespace, name);
    if (found === undefined) throw notFound(resourceOf(kind), name);
    return found;
  }

  /** `namespace` is undefined for what is not namespaced. Throws 400, 403, 404 (no such namespace), 409, 422. */
  create(kind: Kind, namespace: string | undefined, sent: unknown, options: WriteOptions = {}): KubeObject {
    const resource = resourceOf(kind);
    const body = withoutNulls(sent);
    const asked = metadataOf(resource, namespace, body);
    if (namespace !== undefined) this.#mustAcceptContent(resource, namespace, asked.name ?? '');
    const metadata = this.#newMetadata(resource, namespace, asked, options.owner);
    if (this.store.get(kind, namespace, metadata.name)) throw alreadyExists(resource, metadata.name);
    const object = resource.admit({ resource, body, metadata, old: undefined, addresses: this.#addresses });
    return options.dryRun ? object : this.put(object);
  }

  /** Replaces what a client may say of the object. Throws 400, 404, 409 (changed in between), 422. */
  update(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    sent: unknown,
    options: WriteOptions = {},
  ): KubeObject {
    const resource = resourceOf(kind);
    const old = this.get(kind, namespace, name);
    const body = withoutNulls(sent);
    const asked = metadataOf(resource, namespace, body);
    if (asked.name !== undefined && asked.name !== name) {
      throw badRequest(`the name of the object (${asked.name}) does not match the name on the URL (${name})`);
    }
    checkSameObject(resource, old, asked);
    const metadata = { ...old.metadata, labels: asked.labels ?? {}, annotations: asked.annotations ?? {} };
    const object = resource.admit({ resource, body, metadata: inOrder(metadata), old, addresses: this.#addresses });
    const changed = resource.generations ? withNextGeneration(object, old) : object;
    return options.dryRun || isDeepStrictEqual(changed, old) ? changed : this.put(changed);
  }

  /** Changes part of the object; a patch that changes nothing makes no event. Throws as `update` does, and 415. */
  patch(kind: Kind, namespace: string | undefined, name: string, patch: Patch, options: WriteOptions = {}): KubeObject {
    const old = this.get(kind, namespace, name);
    return this.update(kind, namespace, name, applyPatch(kind, toJson(old), patch), options);
  }

  /**
   * Deletes the object and returns its last state. A pod ends after its grace period and a namespace after what is in
   * it: these are returned with their `deletionTimestamp`, and the controllers take them out. Throws 404 and 409.
   */
  delete(kind: Kind, namespace: string | undefined, name: string, options: DeleteOptions = {}): KubeObject {
    const resource = resourceOf(kind);
    const object = this.get(kind, namespace, name);
    checkSameObject(resource, object, options);
    if (options.dryRun) return object;
    const grace = graceSeconds(object, options);
    return grace === undefined ? this.remove(object) : this.#startDeletion(object, grace);
  }

  /** Stores an object as it is, without admission: for the controllers. */
  put(object: KubeObject): KubeObject {
    const { kind, metadata } = object;
    this.#release(this.store.get(kind, metadata.namespace, metadata.name));
    this.#hold(object);
    return this.store.put(object);
  }

  /** Takes an object out at once: for the controllers. */
  remove(object: KubeObject): KubeObject {
    this.#release(object);
    return this.store.remove(object);
  }

  /** Metadata for an object made by a controller: a random name that begins with `generateName`. */
  generatedMetadata(namespace: string, generateName: string, owner: OwnerReference): Metadata {
    return this.#newMetadata(resourceOf('EndpointSlice'), namespace, { generateName }, owner);
  }

  #startDeletion(object: KubeObject, graceS: number): KubeObject {
    if (object.metadata.deletionTimestamp !== undefined) return object;
    const deletionTimestamp = this.#timestamp(graceS * 1000);
    const metadata = { ...object.metadata, deletionTimestamp };
    if (object.kind === 'Namespace') {
      return this.put({ ...object, metadata: inOrder(metadata), status: { phase: 'Terminating' } });
    }
    return this.put({ ...object, metadata: inOrder({ ...metadata, deletionGracePeriodSeconds: graceS }) });
  }

  #mustAcceptContent(resource: Resource, namespace: string, name: string): void {
    const found = this.get('Namespace', undefined, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const told = `namespace ${namespace} is being terminated`;
    const causes = [{ reason: 'NamespaceTerminating', message: told, field: 'metadata.namespace' }];
    const details = { name, kind: resource.plural, causes };
    throw new ApiError(403, 'Forbidden', `${resource.plural} "${name}" is forbidden: ${why}`, { details });
  }

  #newMetadata(
    resource: Resource,
    namespace: string | undefined,
    asked: MetadataInput,
    owner?: OwnerReference,
  ): Metadata {
    const { generateName, labels, annotations } = asked;
    const name = asked.name ?? (generateName === undefined ? '' : `${generateName}${this.#suffix()}`);
    if (name === '') throw invalid(resource, '', [cause.required('metadata.name', 'name or generateName is required')]);
    return inOrder({
      name,
      ...(asked.name === undefined && generateName !== undefined ? { generateName } : {}),
      ...(namespace === undefined ? {} : { namespace }),
      uid: this.#uid(),
      resourceVersion: '',
      ...(resource.generations ? { generation: 1 } : {}),
      creationTimestamp: this.#timestamp(0),
      labels: labels ?? {},
      annotations: annotations ?? {},
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
    });
  }

  #timestamp(fromNowMs: number): string {
    return new Date(this.#clock.wall() + fromNowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  /** A random UUID, version 4 (RFC 9562). */
  #uid(): string {
    const hex = (digits: number): string =>
      this.#random
        .below(16 ** digits)
        .toString(16)
        .padStart(digits, '0');
    return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(8)}${hex(4)}`;
  }

  /** Five characters, without those that make words. */
  #suffix(): string {
    const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
    return Array.from({ length: 5 }, () => alphabet[this.#random.below(alphabet.length)]).join('');
  }

  #hold(object: KubeObject): void {
    if (object.kind === 'Pod') podIps(object).forEach((ip) => this.#addresses.holdPod(ip));
    if (object.kind !== 'Service') return;
    const owner = `${object.metadata.namespace}/${object.metadata.name}`;
    heldByService(object).forEach((what) => this.#addresses.hold(owner, what));
  }

  #release(object: KubeObject | undefined): void {
    if (object?.kind === 'Pod') podIps(object).forEach((ip) => this.#addresses.releasePod(ip));
    if (object?.kind === 'Service') heldByService(object).forEach((what) => this.#addresses.release(what));
  }
}

/** What the body says of itself, checked against where it is sent. Throws 400. */
function metadataOf(resource: Resource, namespace: string | undefined, body: unknown): MetadataInput {
  if (!isJsonObject(body)) throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind})`);
  const { apiVersion = apiVersionOf(resource), kind = resource.kind } = body;
  if (apiVersion !== apiVersionOf(resource) || kind !== resource.kind) {
    const found = `${JSON.stringify(apiVersion)} ${JSON.stringify(kind)}`;
    throw badRequest(`the object is of ${found}, but the request is about ${apiVersionOf(resource)} ${resource.kind}`);
  }
  const { metadata = {} } = decode(resource, anyObject, body);
  if (namespace !== undefined && metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return metadata;
}

function checkSameObject(
  resource: Resource,
  { metadata }: KubeObject,
  asked: { uid?: string; resourceVersion?: string },
): void {
  const { name, uid, resourceVersion } = metadata;
  if ((asked.uid ?? uid) !== uid) {
    const why = `Precondition failed: UID in precondition: ${asked.uid}, UID in object meta: ${uid}`;
    throw conflict(resource, name, why);
  }
  if ((asked.resourceVersion || resourceVersion) !== resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict(resource, name, why);
  }
}

/** How long the deletion of the object takes, in seconds; undefined when it is gone at once. */
function graceSeconds(object: KubeObject, { gracePeriodSeconds }: DeleteOptions): number | undefined {
  if (object.kind === 'Namespace') return 0;
  if (object.kind !== 'Pod') return undefined;
  const grace = gracePeriodSeconds ?? object.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  return grace <= 0 ? undefined : grace;
}

function withNextGeneration(object: KubeObject, old: KubeObject): KubeObject {
  if (isDeepStrictEqual(content(object), content(old))) return object;
  const generation = (old.metadata.generation ?? 0) + 1;
  return { ...object, metadata: inOrder({ ...object.metadata, generation }) };
}

/** What a generation counts the changes of. */
function content(object: KubeObject): unknown {
  return object.kind === 'EndpointSlice' ? [object.endpoints, object.ports] : object.spec;
}

function toJson(object: KubeObject): JsonObject {
  return JSON.parse(JSON.stringify(object));
}
