import { defined } from './json.ts';
import { fields, mapOf, text, type Shaped } from './shape.ts';
import { cause, type Cause } from './status.ts';

export type Labels = { readonly [key: string]: string };

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: true;
  readonly blockOwnerDeletion: true;
}

/** ObjectMeta of a stored object. Times are RFC 3339 to the second, resource versions decimal. */
export interface Metadata {
  readonly name: string;
  readonly generateName?: string;
  /** Absent for what is not namespaced. */
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Counts the changes of the spec, for the kinds that have it. */
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly ownerReferences?: readonly OwnerReference[];
}

/** What a client may say in `metadata`; the rest is the server's to fill in. */
export const metadataShape = fields({
  name: text,
  generateName: text,
  namespace: text,
  uid: text,
  resourceVersion: text,
  labels: mapOf(text),
  annotations: mapOf(text),
});

export type MetadataInput = Shaped<typeof metadataShape>;

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** What is wrong with `value` as one DNS label of at most 63 characters (RFC 1123). */
export function labelCauses(field: string, value: string): readonly Cause[] {
  const causes: Cause[] = [];
  if (value.length > 63) causes.push(cause.invalid(field, value, 'must be no more than 63 characters'));
  if (!LABEL.test(value)) causes.push(cause.invalid(field, value, LABEL_RULE));
  return causes;
}

/** What is wrong with `value` as a DNS name of at most 253 characters, one or more labels. */
export function subdomainCauses(field: string, value: string): readonly Cause[] {
  const causes: Cause[] = [];
  if (value.length > 253) causes.push(cause.invalid(field, value, 'must be no more than 253 characters'));
  if (!value.split('.').every((label) => LABEL.test(label))) causes.push(cause.invalid(field, value, SUBDOMAIN_RULE));
  return causes;
}

/** The members in the order the API server writes them, labels and annotations sorted by key. */
export function inOrder(metadata: Metadata): Metadata {
  return defined({
    name: metadata.name,
    generateName: metadata.generateName,
    namespace: metadata.namespace,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    generation: metadata.generation,
    creationTimestamp: metadata.creationTimestamp,
    deletionTimestamp: metadata.deletionTimestamp,
    deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds,
    labels: sorted(metadata.labels),
    annotations: sorted(metadata.annotations),
    ownerReferences: metadata.ownerReferences,
  });
}

function sorted(labels: Labels = {}): Labels | undefined {
  const entries = Object.entries(labels);
  return entries.length === 0 ? undefined : Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
