import { defined } from '../objects/json.ts';
import { ApiError } from '../objects/status.ts';
import type { ApiRequest } from './body.ts';
import { isTrue } from './list-options.ts';

/** Who has the token. */
export const TOKEN_USER = 'system:serviceaccount:kube-system:portolan';

/** What everyone may read. */
const openPaths = new Set(['/version', '/healthz', '/livez', '/readyz']);

/**
 * Throws ApiError 401 for a wrong token, whatever is asked, and 403 for what needs a token and comes without. Rights
 * are looked at before existence: for what does not exist it is 403, too.
 */
export function checkAccess(request: ApiRequest, authorization: string | undefined, token: string): void {
  if (authorization !== undefined) {
    if (authorization !== `Bearer ${token}`) throw unauthorized();
    return;
  }
  if (!openPaths.has(request.path)) throw forbidden(request, 'system:anonymous');
}

export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

/** That `user` may not do what the request asks. */
export function forbidden(request: ApiRequest, user: string): ApiError {
  const [, root, ...rest] = request.path.split('/');
  const [group = '', ...versioned] = root === 'apis' ? rest : ['', ...rest];
  const below = versioned.slice(1);
  const namespace = below[0] === 'namespaces' ? below[1] : undefined;
  const [plural, name] = namespace !== undefined && below.length > 2 ? below.slice(2) : below;
  if ((root !== 'api' && root !== 'apis') || plural === undefined) {
    const message = `forbidden: User "${user}" cannot ${request.method.toLowerCase()} path "${request.path}"`;
    return new ApiError(403, 'Forbidden', message, { details: {} });
  }
  const called = `${group === '' ? plural : `${plural}.${group}`}${name === undefined ? '' : ` "${name}"`}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const what = `${verbOf(request, name)} resource "${plural}" in API group "${group}" ${where}`;
  const details = defined({ name, group: group === '' ? undefined : group, kind: plural });
  return new ApiError(403, 'Forbidden', `${called} is forbidden: User "${user}" cannot ${what}`, { details });
}

function verbOf({ method, query }: ApiRequest, name: string | undefined): string {
  switch (method) {
    case 'GET':
      return name !== undefined ? 'get' : isTrue(query.get('watch')) ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    default:
      return method.toLowerCase();
  }
}
