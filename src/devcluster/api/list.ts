import { defined } from '../objects/json.ts';
import { apiVersionOf, type KubeObject, type Resource } from '../objects/kinds.ts';
import { badRequest, expired, tooLargeResourceVersion } from '../objects/status.ts';
import type { Store } from '../store.ts';
import type { ListOptions } from './list-options.ts';

/** Which objects a request is about: all of a resource, or those of one namespace. */
export interface Scope {
  readonly resource: Resource;
  readonly namespace: string | undefined;
}

const LIST_TOO_OLD = 'The resourceVersion for the provided list is too old.';
const TOKEN_TOO_OLD =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the ' +
  'continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with ' +
  'the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the ' +
  'first chunk was returned and now may show up in the list.';

/** Where a list goes on: the resource version its first page showed (-1: the newest), and the first key not sent yet. */
interface ContinueToken {
  readonly rv: number;
  readonly start: string;
}

/**
 * The body of a LIST. Pages of one list all show the state the first page showed. Throws ApiError 400 for a bad token,
 * 410 when the state asked for is no longer known, 504 when it is not known yet.
 */
export function list(store: Store, scope: Scope, options: ListOptions): object {
  const token = options.continueToken === undefined ? undefined : parseToken(options.continueToken);
  const at = token === undefined ? listRevision(store, options) : tokenRevision(store, token);
  const everything = store.listAt(at, scope.resource.kind, scope.namespace).filter(options.matches);
  const remaining =
    token === undefined ? everything : everything.filter((object) => keyIn(scope, object) >= token.start);
  // From resource version 0 the server answers out of its cache, which knows no pages.
  const limit = options.resourceVersion === 0 ? remaining.length : (options.limit ?? remaining.length);
  const page = remaining.slice(0, limit);
  const last = page.at(-1);
  const more = remaining.length - page.length;
  return {
    kind: `${scope.resource.kind}List`,
    apiVersion: apiVersionOf(scope.resource),
    metadata: defined({
      resourceVersion: String(at),
      continue: more > 0 && last !== undefined ? writeToken({ rv: at, start: `/${keyIn(scope, last)}\0` }) : undefined,
      remainingItemCount: more > 0 && !options.selective ? more : undefined,
    }),
    items: page.map(({ kind: _kind, apiVersion: _apiVersion, ...item }) => item),
  };
}

/** The state a first page shows. A limit with a resource version means that very version. */
function listRevision(store: Store, { resourceVersion, match, limit }: ListOptions): number {
  if (resourceVersion === undefined || resourceVersion === 0) return store.revision;
  if (resourceVersion > store.revision) throw tooLargeResourceVersion(resourceVersion, store.revision);
  const exact = match === 'Exact' || (match === undefined && limit !== undefined);
  if (!exact) return store.revision;
  if (resourceVersion < store.horizon) throw expired(LIST_TOO_OLD);
  return resourceVersion;
}

function tokenRevision(store: Store, { rv, start }: ContinueToken): number {
  if (rv < 0) return store.revision;
  if (rv < store.horizon || rv > store.revision) throw expired(TOKEN_TOO_OLD, writeToken({ rv: -1, start }));
  return rv;
}

function keyIn({ namespace }: Scope, { metadata }: KubeObject): string {
  return namespace === undefined && metadata.namespace !== undefined
    ? `${metadata.namespace}/${metadata.name}`
    : metadata.name;
}

function writeToken({ rv, start }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start })).toString('base64url');
}

/** The token with its start as a key: in the token a leading slash says that it begins there. */
function parseToken(text: string): ContinueToken {
  try {
    const { rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (Number.isInteger(rv) && typeof start === 'string') return { rv, start: start.replace(/^\//, '') };
  } catch {
    // Falls through to the one answer for every unreadable token.
  }
  throw badRequest('invalid continue token: continue key is not valid');
}
