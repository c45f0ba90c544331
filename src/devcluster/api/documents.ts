import { apiVersionOf, resources, type Resource } from '../objects/kinds.ts';

/** A fixed answer: JSON when it is an object, else text. */
export type ApiDocument = object | string;

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const;
const groups = [...new Set(resources.map(({ group }) => group))].filter((group) => group !== '');

const OPENAPI = '/openapi/v3/';

const version = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: '',
};

/**
 * The document at `path`, for a server reached as `address` (host:port); undefined when there is none. These are health
 * and version, discovery in its classic form, and as much of OpenAPI as lets kubectl send a manifest.
 */
export function documentAt(path: string, address: string): ApiDocument | undefined {
  const [, root, group, groupVersion, ...more] = path.split('/');
  switch (path) {
    case '/healthz':
    case '/livez':
    case '/readyz':
      return 'ok';
    case '/version':
      return version;
    case '/api':
      return apiVersions(address);
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupEntry) };
    case '/api/v1':
      return { kind: 'APIResourceList', groupVersion: 'v1', resources: resourcesOf('v1').map(resourceEntry) };
    case '/openapi/v3':
      return openApiIndex();
    default:
      break;
  }
  if (path.startsWith(OPENAPI)) return openApiDocument(path.slice(OPENAPI.length));
  if (root !== 'apis' || group === undefined || !groups.includes(group) || more.length > 0) return undefined;
  if (groupVersion === undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) };
  const served = resourcesOf(`${group}/${groupVersion}`);
  const about = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/${groupVersion}` };
  return served.length === 0 ? undefined : { ...about, resources: served.map(resourceEntry) };
}

function apiVersions(address: string): object {
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: address }];
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs };
}

function groupEntry(group: string): object {
  const served = [...new Set(resources.filter((one) => one.group === group).map((one) => one.version))];
  const versions = served.map((one) => ({ groupVersion: `${group}/${one}`, version: one }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceEntry({ plural, singular, namespaced, kind, shortNames }: Resource): object {
  const entry = { name: plural, singularName: singular, namespaced, kind, verbs };
  return shortNames.length === 0 ? entry : { ...entry, shortNames };
}

function resourcesOf(apiVersion: string): readonly Resource[] {
  return resources.filter((resource) => apiVersionOf(resource) === apiVersion);
}

function openApiPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`;
}

function openApiIndex(): object {
  const paths = [...new Set(resources.map(apiVersionOf))].map(openApiPath);
  return { paths: Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: OPENAPI + path }])) };
}

/**
 * Before it sends a file, kubectl looks here whether the server can check the fields of its kind; it needs a patch
 * operation for each kind with a parameter `fieldValidation`, and no schemas.
 */
function openApiDocument(path: string): object | undefined {
  const served = resources.filter((resource) => openApiPath(apiVersionOf(resource)) === path);
  if (served.length === 0) return undefined;
  const parameters = ['dryRun', 'fieldValidation'].map((name) => ({ name, in: 'query', schema: { type: 'string' } }));
  const paths = served.map(({ plural, namespaced, group, version, kind }) => {
    const patch = {
      parameters,
      responses: {},
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': { group, version, kind },
    };
    return [`/${path}/${namespaced ? 'namespaces/{namespace}/' : ''}${plural}/{name}`, { patch }];
  });
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1' }, paths: Object.fromEntries(paths) };
}
