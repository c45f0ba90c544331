import { resources, type Kind, type Resource } from '../objects/kinds.ts';
import { badRequest } from '../objects/status.ts';

/** What a path names. */
export type Target =
  /** The objects of a resource, everywhere or in one namespace. */
  | { readonly type: 'collection'; readonly resource: Resource; readonly namespace: string | undefined }
  | {
      readonly type: 'object';
      readonly resource: Resource;
      readonly namespace: string | undefined;
      readonly name: string;
    }
  /** The replicas of a workload, as kubectl scale asks for them. */
  | { readonly type: 'scale'; readonly kind: Kind; readonly namespace: string | undefined; readonly name: string }
  /** Discovery, health, version: a fixed document. */
  | { readonly type: 'document' }
  /** A resource or version that a served group does not have. */
  | { readonly type: 'no resource' };

/**
 * The target of a path: `/api/v1/...` or `/apis/GROUP/VERSION/...`, then `[namespaces/NAMESPACE/]RESOURCE[/NAME]`. The
 * subresource `status` is part of the object. Throws ApiError 400 for a malformed escape.
 */
export function parseTarget(path: string): Target {
  const parts = path.split('/').map(decoded);
  const [, root = '', ...rest] = parts;
  const group = root === 'api' ? '' : rest[0];
  const [version, ...below] = root === 'api' ? rest : rest.slice(1);
  const served = resources.filter((resource) => resource.group === group);
  const isResourcePath = (root === 'api' || root === 'apis') && below.some((part) => part !== '') && served.length > 0;
  if (!isResourcePath) return { type: 'document' };
  return below[0] === 'namespaces' && below.length > 2
    ? parseBelow(served, version, below[1], below.slice(2))
    : parseBelow(served, version, undefined, below);
}

function parseBelow(
  served: readonly Resource[],
  version: string | undefined,
  namespace: string | undefined,
  [plural, name, subresource, ...more]: readonly string[],
): Target {
  const found = served.find((resource) => resource.plural === plural && resource.version === version);
  // The status of a namespace looks as if `status` were a resource in it.
  if (plural === 'status' && namespace !== undefined && name === undefined) {
    return parseBelow(served, version, undefined, ['namespaces', namespace, 'status']);
  }
  if (found === undefined || more.length > 0) return { type: 'no resource' };
  if (name === undefined || name === '') return { type: 'collection', resource: found, namespace };
  const placed = found.namespaced === (namespace !== undefined);
  if (placed && (subresource === undefined || subresource === 'status')) {
    return { type: 'object', resource: found, namespace, name };
  }
  const scalable = found.kind === 'Deployment' || found.kind === 'StatefulSet';
  return placed && scalable && subresource === 'scale'
    ? { type: 'scale', kind: found.kind, namespace, name }
    : { type: 'no resource' };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`the path of the request has a malformed escape: ${part}`);
  }
}
