/**
 * The HTTP interface as a function: a request in, an answer out. Sockets, TLS and faults are the server's.
 *
 *     path --target--> collection   GET list or watch, POST
 *                      object       GET, PUT, PATCH, DELETE
 *                      scale        GET, PUT, PATCH
 *                      document     GET
 *
 * An answer is a value: a whole reply, or the watch to open. Refusals are thrown as ApiError and become the Status
 * they carry.
 */
import type { Cluster } from '../cluster.ts';
import type { KubeObject, Resource } from '../objects/kinds.ts';
import { methodNotAllowed, noSuchResource } from '../objects/status.ts';
import { checkAcceptable, readDeleteOptions, readObject, readPatch, type ApiRequest } from './body.ts';
import { documentAt } from './documents.ts';
import { isTrue, parseListOptions, type ListOptions } from './list-options.ts';
import { list, type Scope } from './list.ts';
import { jsonReply, pageNotFound, textReply, type Reply } from './reply.ts';
import { answerScale } from './scale.ts';
import { parseTarget, type Target } from './target.ts';

export type Answer =
  | { readonly type: 'reply'; readonly reply: Reply }
  | { readonly type: 'watch'; readonly scope: Scope; readonly options: ListOptions };

/** The answer to a request; `address` is the server's own, host:port. Throws ApiError. */
export function answer(cluster: Cluster, address: string, request: ApiRequest): Answer {
  const target = parseTarget(request.path);
  if (target.type === 'document') return whole(answerDocument(request, address));
  checkAcceptable(request);
  if (target.type === 'no resource') throw noSuchResource();
  if (target.type === 'collection') return answerCollection(cluster, target, request);
  if (target.type === 'scale') return whole(answerScale(cluster, target, request));
  return whole(answerObject(cluster, target, request));
}

function whole(reply: Reply): Answer {
  return { type: 'reply', reply };
}

function answerDocument({ method, path }: ApiRequest, address: string): Reply {
  const document = documentAt(path, address);
  if (document === undefined) return pageNotFound;
  if (method !== 'GET') throw methodNotAllowed();
  return typeof document === 'string' ? textReply(200, document) : jsonReply(200, document, path === '/version');
}

function answerCollection(cluster: Cluster, scope: Scope, request: ApiRequest): Answer {
  const { resource, namespace } = scope;
  if (request.method === 'GET') {
    const options = parseListOptions(request.query);
    if (options.watch) return { type: 'watch', scope, options };
    return whole(jsonReply(200, list(cluster.store, scope, options), isTrue(request.query.get('pretty'))));
  }
  if (request.method !== 'POST' || resource.namespaced !== (namespace !== undefined)) throw methodNotAllowed();
  const body = readObject(request, resource);
  return whole(jsonReply(201, cluster.create(resource.kind, namespace, body, dryRun(request))));
}

type ObjectTarget = Extract<Target, { readonly type: 'object' }>;

function answerObject(cluster: Cluster, { resource, namespace, name }: ObjectTarget, request: ApiRequest): Reply {
  const { kind } = resource;
  switch (request.method) {
    case 'GET':
      return jsonReply(200, cluster.get(kind, namespace, name), isTrue(request.query.get('pretty')));
    case 'PUT':
      return jsonReply(200, cluster.update(kind, namespace, name, readObject(request, resource), dryRun(request)));
    case 'PATCH':
      return jsonReply(200, cluster.patch(kind, namespace, name, readPatch(request, resource), dryRun(request)));
    case 'DELETE':
      return answerDelete(cluster, { type: 'object', resource, namespace, name }, request);
    default:
      throw methodNotAllowed();
  }
}

function answerDelete(cluster: Cluster, { resource, namespace, name }: ObjectTarget, request: ApiRequest): Reply {
  const options = { ...readDeleteOptions(request, resource), ...dryRun(request) };
  const deleted = cluster.delete(resource.kind, namespace, name, options);
  return jsonReply(200, repliesWithObject(resource) ? deleted : success(resource, deleted));
}

/** Of the deleted Services, Pods and Namespaces the API server answers the last state, of others just that they are gone. */
function repliesWithObject({ group }: Resource): boolean {
  return group === '';
}

function success({ group, plural }: Resource, { metadata }: KubeObject): object {
  const details = { name: metadata.name, group, kind: plural, uid: metadata.uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

function dryRun({ query }: ApiRequest): { readonly dryRun: boolean } {
  return { dryRun: query.get('dryRun') === 'All' };
}
