import t from 'tap';
import { ApiError } from '../../src/devcluster/objects/status.ts';
import type { Service } from '../../src/devcluster/objects/service-shape.ts';
import type { Cluster } from '../../src/devcluster/cluster.ts';
import { recorded, world } from './world.ts';

type Body = { readonly [member: string]: unknown };

function service(cluster: Cluster, name: string, spec: Body, status?: Body): Service {
  const made = cluster.create('Service', 'default', { metadata: { name }, spec, ...(status ? { status } : {}) });
  if (made.kind !== 'Service') throw new Error(`a ${made.kind} was made`);
  return made;
}

/** The HTTP status of the refusal; 0 when nothing was refused. */
function codeOf(write: () => unknown): number {
  try {
    write();
  } catch (error) {
    return error instanceof ApiError ? error.status.code : Number.NaN;
  }
  return 0;
}

/** The refusal's `field: message` of every cause. */
function causesOf(write: () => unknown): readonly string[] {
  try {
    write();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { causes = [] } = error.status.details ?? {};
    return causes.map(({ field, message }) => `${field}: ${message}`);
  }
  return ['nothing was refused'];
}

t.test('Services get what the API server gives them', (t) => {
  const { cluster } = world();
  const port = { port: 80 };
  const ports = [{ protocol: 'TCP', port: 80, targetPort: 80 }];
  const v4 = /^10\.(9[6-9]|10\d|11[01])\.\d+\.\d+$/;
  const v6 = /^fd00:10:96::[0-9a-f]+$/;
  const table: readonly [what: string, spec: Body, expected: Body][] = [
    [
      'a plain one',
      { ports: [port] },
      {
        type: 'ClusterIP',
        ports,
        clusterIP: v4,
        clusterIPs: [v4],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
      },
    ],
    [
      'headless',
      { clusterIP: 'None', ports: [port] },
      { clusterIP: 'None', clusterIPs: ['None'], ipFamilies: ['IPv4'] },
    ],
    ['headless without ports', { clusterIP: 'None' }, { clusterIP: 'None', ports: undefined }],
    ['an address of its choice', { clusterIP: '10.96.0.77', ports: [port] }, { clusterIPs: ['10.96.0.77'] }],
    [
      'two families',
      { ipFamilyPolicy: 'RequireDualStack', ports: [port] },
      { clusterIPs: [v4, v6], ipFamilies: ['IPv4', 'IPv6'] },
    ],
    ['as many as there are', { ipFamilyPolicy: 'PreferDualStack', ports: [port] }, { clusterIPs: [v4, v6] }],
    ['IPv6 alone', { ipFamilies: ['IPv6'], ports: [port] }, { clusterIP: v6, ipFamilyPolicy: 'SingleStack' }],
    [
      'IPv6 first',
      { ipFamilies: ['IPv6', 'IPv4'], ports: [port] },
      { clusterIPs: [v6, v4], ipFamilyPolicy: 'RequireDualStack' },
    ],
    [
      'headless with two families',
      { clusterIP: 'None', ipFamilyPolicy: 'RequireDualStack' },
      { clusterIPs: ['None'], ipFamilies: ['IPv4', 'IPv6'] },
    ],
    ['an IPv6 address of its choice', { clusterIP: 'fd00:10:96::77', ports: [port] }, { ipFamilies: ['IPv6'] }],
    [
      'ExternalName',
      { type: 'ExternalName', externalName: 'Example.test'.toLowerCase() },
      { clusterIP: undefined, ipFamilies: undefined },
    ],
    ['a node port', { type: 'NodePort', ports: [{ port: 81, nodePort: 30_081 }] }, { ports: [{ nodePort: 30_081 }] }],
    [
      'a node port that is given',
      { type: 'NodePort', ports: [port] },
      { ports: [{ nodePort: Number }], externalTrafficPolicy: 'Cluster' },
    ],
    ['a load balancer', { type: 'LoadBalancer', ports: [port] }, { allocateLoadBalancerNodePorts: true }],
    [
      'the same number for two protocols',
      {
        ports: [
          { name: 'a', port: 53, protocol: 'UDP' },
          { name: 'b', port: 53 },
        ],
      },
      {},
    ],
    ['a member DNS does not see', { ports: [port], externalIPs: ['192.0.2.1'] }, { externalIPs: ['192.0.2.1'] }],
  ];
  table.forEach(([what, spec, expected], index) => {
    const { spec: got } = service(cluster, `s${index}`, spec);
    t.match(got, expected, what);
    for (const [member, value] of Object.entries(expected))
      if (value === undefined) t.notOk(member in got, `${what}: no ${member}`);
  });
  t.end();
});

t.test('addresses and node ports are the same at every start, and each is given once', (t) => {
  const given = () => {
    const { cluster } = world();
    const made = Array.from({ length: 300 }, (_, index) => {
      return service(cluster, `s${index}`, {
        type: 'NodePort',
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 2 },
        ],
      }).spec;
    });
    return made.flatMap(({ clusterIP, ports = [] }) => [clusterIP, ...ports.map(({ nodePort }) => nodePort)]);
  };
  const first = given();
  t.same(given(), first);
  t.equal(new Set(first).size, 900);
  for (const port of first.filter((one) => typeof one === 'number')) t.ok(port >= 30_000 && port <= 32_767);
  t.end();
});

t.test('what was recorded is stored as it was', (t) => {
  const { cluster } = world();
  cluster.create('Namespace', undefined, { metadata: { name: 'shop' } });
  for (const body of recorded('life').services) {
    const { metadata, spec, ...rest } = cluster.create('Service', 'shop', body) as Service;
    t.same(
      { spec, status: rest.status },
      { spec: body.spec, status: { loadBalancer: {}, ...Object(body).status } },
      metadata.name,
    );
  }
  t.end();
});

t.test('Services that are refused', (t) => {
  const { cluster } = world();
  service(cluster, 'taken', { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ port: 80, nodePort: 32_522 }] });
  const ports = [{ port: 80 }];
  const table: readonly [spec: Body, causes: readonly (string | RegExp)[]][] = [
    [{}, ['spec.ports: Required value']],
    [{ type: 'Other', ports }, [/^spec\.type: Unsupported value: "Other": supported values: "ClusterIP"/]],
    [{ type: 'ExternalName' }, ['spec.externalName: Required value']],
    [
      { type: 'ExternalName', externalName: 'a_b' },
      [/^spec\.externalName: Invalid value: "a_b": a lowercase RFC 1123 subdomain/],
    ],
    [
      { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.96.0.9' },
      [/may not be set when type is 'ExternalName'$/],
    ],
    [{ ports: [{ port: 0 }] }, ['spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive']],
    [{ ports: [{ port: 1, targetPort: 70_000 }] }, [/^spec\.ports\[0\]\.targetPort: Invalid value: 70000/]],
    [
      { ports: [{ port: 1, protocol: 'X' }] },
      ['spec.ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"'],
    ],
    [
      { ports: [{ port: 1 }, { port: 2 }] },
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      {
        ports: [
          { name: 'a', port: 1 },
          { name: 'a', port: 2 },
        ],
      },
      ['spec.ports[1].name: Duplicate value: "a"'],
    ],
    [
      {
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 1 },
        ],
      },
      [/^spec\.ports\[1\]: Duplicate value/],
    ],
    [{ clusterIP: '10.96.0.10', ports }, [/failed to allocate IP 10\.96\.0\.10: provided IP is already allocated$/]],
    [{ clusterIP: '10.1.1.1', ports }, [/the provided network does not match the current range$/]],
    [{ clusterIP: 'nonsense', ports }, [/expected an IPv4 value as indicated by `ipFamilies\[0\]`$/]],
    [
      { type: 'NodePort', ports: [{ port: 1, nodePort: 32_522 }] },
      ['spec.ports[0].nodePort: Invalid value: 32522: provided port is already allocated'],
    ],
    [{ type: 'NodePort', ports: [{ port: 1, nodePort: 80 }] }, [/The range of valid ports is 30000-32767$/]],
    [
      { ports: [{ port: 1, nodePort: 30_001 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'], ports },
      [/must be RequireDualStack or PreferDualStack/],
    ],
    [{ ipFamilies: ['IPv5'], ports }, [/^spec\.ipFamilies: Unsupported value: "IPv5"/]],
    [{ ipFamilies: ['IPv4', 'IPv4'], ports }, [/^spec\.ipFamilies\[1\]: Duplicate value: "IPv4"/]],
    [{ ipFamilyPolicy: 'Both', ports }, [/^spec\.ipFamilyPolicy: Unsupported value: "Both"/]],
  ];
  for (const [spec, causes] of table) {
    const got = causesOf(() => service(cluster, 'refused', spec));
    t.match(got, causes, JSON.stringify(spec));
    t.equal(got.length, causes.length, JSON.stringify(spec));
  }
  t.equal(cluster.store.get('Service', 'default', 'refused'), undefined);
  t.end();
});

t.test('a Service keeps what it was given', (t) => {
  const { cluster } = world();
  const made = service(cluster, 'web', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80 }] });
  const merge = (spec: Body) => {
    const patched = cluster.patch('Service', 'default', 'web', {
      type: 'merge',
      body: JSON.parse(JSON.stringify({ spec })),
    });
    return patched.kind === 'Service' ? patched.spec : undefined;
  };
  const { clusterIP, ports: [port] = [] } = made.spec;

  const replaced = cluster.update('Service', 'default', 'web', {
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] },
  });
  t.match(
    replaced,
    { spec: { clusterIP, ports: [{ name: 'http', nodePort: port?.nodePort }] } },
    'through an update without them',
  );
  t.same(
    causesOf(() => merge({ clusterIP: '10.96.7.7', clusterIPs: ['10.96.7.7'] })),
    ['spec.clusterIPs[0]: Invalid value: ["10.96.7.7"]: may not change once set'],
  );
  const plain = merge({ type: 'ClusterIP' });
  t.match(plain, { type: 'ClusterIP', clusterIP });
  t.notOk('nodePort' in (plain?.ports?.[0] ?? {}), 'not the node port of a type it no longer has');
  const dual = merge({ ipFamilyPolicy: 'RequireDualStack' });
  t.match(dual, { clusterIPs: [clusterIP, /^fd00:/], ipFamilies: ['IPv4', 'IPv6'] });
  t.match(merge({ ipFamilyPolicy: 'SingleStack' }), { clusterIPs: [clusterIP], ipFamilies: ['IPv4'] });

  const external = merge({ type: 'ExternalName', externalName: 'example.org', clusterIP: null, clusterIPs: null });
  t.match(
    external,
    { type: 'ExternalName', selector: { app: 'web' } },
    'turned into ExternalName it keeps its selector',
  );
  t.notOk('clusterIP' in (external ?? {}), 'but no address');
  t.equal(
    service(cluster, 'heir', { clusterIP, ports: [{ port: 1 }] }).spec.clusterIP,
    clusterIP,
    'which another may have',
  );
  t.match(merge({ type: 'ClusterIP' }), { clusterIP: /^10\./ }, 'and back');
  t.end();
});

t.test('other kinds', (t) => {
  const { cluster } = world();
  const create = (kind: 'Namespace' | 'Pod' | 'EndpointSlice' | 'Deployment' | 'StatefulSet', body: Body) => () => {
    return cluster.create(kind, kind === 'Namespace' ? undefined : 'default', body);
  };
  const template = { metadata: { labels: { app: 'x' } } };
  const selector = { matchLabels: { app: 'x' } };
  const made: readonly [what: () => object, expected: object][] = [
    [
      create('Namespace', { metadata: { name: 'shop', labels: { a: 'b' } } }),
      { metadata: { labels: { a: 'b', 'kubernetes.io/metadata.name': 'shop' } }, status: { phase: 'Active' } },
    ],
    [
      create('Pod', { metadata: { name: 'a' } }),
      { status: { phase: 'Running', podIP: '10.244.0.2', podIPs: [{ ip: '10.244.0.2' }, { ip: 'fd00:10:244::2' }] } },
    ],
    [create('Pod', { metadata: { name: 'b' } }), { status: { podIP: '10.244.0.3' } }],
    [
      create('Pod', { metadata: { name: 'c' }, status: { podIP: '10.244.1.103' } }),
      { status: { podIP: '10.244.1.103', podIPs: [{ ip: '10.244.1.103' }] } },
    ],
    [
      create('Pod', { metadata: { name: 'd', annotations: { 'example.com/ready': 'false' } } }),
      { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
    ],
    [
      create('EndpointSlice', {
        metadata: { name: 'e' },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.0.2.55'] }],
        ports: [{ port: 80 }],
      }),
      { endpoints: [{ addresses: ['192.0.2.55'], conditions: {} }], ports: [{ name: '', protocol: 'TCP', port: 80 }] },
    ],
    [
      create('EndpointSlice', { metadata: { name: 'f' }, addressType: 'IPv6', endpoints: [] }),
      { endpoints: null, ports: null },
    ],
    [
      create('EndpointSlice', {
        metadata: { name: 'g' },
        addressType: 'FQDN',
        endpoints: [{ addresses: ['a.example.test'] }],
      }),
      { addressType: 'FQDN' },
    ],
    [
      create('Deployment', { metadata: { name: 'h' }, spec: { selector, template } }),
      { metadata: { generation: 1 }, spec: { replicas: 1 } },
    ],
  ];
  for (const [make, expected] of made) t.match(make(), expected);
  t.same(cluster.get('Pod', 'default', 'd').metadata.labels, undefined, 'no empty labels');

  const refused: readonly [write: () => object, cause: RegExp][] = [
    [create('Namespace', { metadata: { name: 'a.b' } }), /^metadata\.name: Invalid value: "a\.b"/],
    [create('Namespace', { metadata: { name: 'x'.repeat(64) } }), /must be no more than 63 characters$/],
    [
      create('Pod', { metadata: { name: 'z' }, status: { podIP: 'nonsense' } }),
      /^status\.podIP: .* must be a valid IP address$/,
    ],
    [create('Pod', { metadata: { name: 'z' }, status: { phase: 'Ill' } }), /^status\.phase: Unsupported value: "Ill"/],
    [create('EndpointSlice', { metadata: { name: 'z' } }), /^addressType: Required value$/],
    [
      create('EndpointSlice', { metadata: { name: 'z' }, addressType: 'IPv5' }),
      /^addressType: Unsupported value: "IPv5"/,
    ],
    [
      create('EndpointSlice', {
        metadata: { name: 'z' },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['fd00::1'] }],
      }),
      /^endpoints\[0\]\.addresses\[0\]: .* must be a valid IPv4 address$/,
    ],
    [
      create('EndpointSlice', { metadata: { name: 'z' }, addressType: 'IPv4', endpoints: [{}] }),
      /must contain at least 1 address$/,
    ],
    [create('Deployment', { metadata: { name: 'z' }, spec: { template } }), /^spec\.selector: Required value$/],
    [
      create('Deployment', { metadata: { name: 'z' }, spec: { selector, template: {} } }),
      /`selector` does not match template `labels`$/,
    ],
    [
      create('StatefulSet', { metadata: { name: 'z' }, spec: { replicas: -1, selector, template } }),
      /^spec\.replicas: .* must be greater than or equal to 0$/,
    ],
    [
      create('Deployment', { metadata: { name: 'z' }, spec: { replicas: 1e9, selector, template } }),
      /^spec\.replicas: .* at most 5000 pods/,
    ],
  ];
  for (const [write, cause] of refused) t.match(causesOf(write), [cause], String(cause));

  const wrongType: readonly [body: Body, message: RegExp][] = [
    [{ metadata: { name: 'z', labels: { version: 1 } } }, /metadata\.labels\.version must be a string, not number$/],
    [{ metadata: [] }, /metadata must be an object, not a list$/],
    [
      { metadata: { name: 'z' }, spec: { containers: [{ ports: [{ containerPort: 1.5 }] }] } },
      /spec\.containers\[0\]\.ports\[0\]\.containerPort must be an integer/,
    ],
  ];
  for (const [body, message] of wrongType)
    t.throws(create('Pod', body), { message, status: { code: 400, reason: 'BadRequest' } });
  t.end();
});

t.test('patches that do not fit', (t) => {
  const { cluster } = world();
  service(cluster, 'web', {
    selector: { app: 'web' },
    ports: [
      { name: 'a', port: 1 },
      { name: 'b', port: 2 },
    ],
  });
  const patch = (type: 'merge' | 'json' | 'strategic', text: string) => () => {
    return cluster.patch('Service', 'default', 'web', { type, body: JSON.parse(text) });
  };
  const refused: readonly [type: 'merge' | 'json' | 'strategic', body: string, code: number][] = [
    ['merge', '[]', 400],
    ['merge', '{"metadata":{"name":"other"}}', 400],
    ['merge', '{"spec":null}', 422],
    ['json', '{}', 400],
    ['json', '[{"op":"leap","path":"/a"}]', 400],
    ['json', '[{"op":"add","path":"a"}]', 400],
    ['json', '[{"op":"remove","path":"/spec/none"}]', 422],
    ['json', '[{"op":"remove","path":"/spec/ports/7"}]', 422],
    ['json', '[{"op":"remove","path":""}]', 422],
    ['json', '[{"op":"test","path":"/spec/type","value":"x"}]', 422],
    ['json', '[{"op":"add","path":"/spec/type/deeper","value":1}]', 422],
    ['strategic', '{"spec":{"ports":[{"name":"c"}]}}', 400],
    ['strategic', '{"$unknown":[]}', 400],
  ];
  for (const [type, body, code] of refused) t.equal(codeOf(patch(type, body)), code, `${type} ${body}`);

  const applied: readonly [type: 'json' | 'strategic', body: string, ports: readonly string[]][] = [
    ['json', '[{"op":"add","path":"/spec/ports/-","value":{"name":"c","port":3}}]', ['a', 'b', 'c']],
    ['json', '[{"op":"move","from":"/spec/ports/2","path":"/spec/ports/0"}]', ['c', 'a', 'b']],
    ['json', '[{"op":"copy","from":"/spec/ports/0/name","path":"/metadata/labels/first"}]', ['c', 'a', 'b']],
    ['json', '[{"op":"replace","path":"/spec/ports/1","value":{"name":"d","port":4}}]', ['c', 'd', 'b']],
    ['strategic', '{"spec":{"ports":[{"$patch":"delete","port":4}]}}', ['c', 'b']],
    ['strategic', '{"spec":{"ports":[{"port":2,"name":"e"},{"port":5,"name":"f"}]}}', ['c', 'e', 'f']],
    ['strategic', '{"spec":{"$setElementOrder/ports":[{"port":5},{"port":3},{"port":2}]}}', ['f', 'c', 'e']],
    ['strategic', '{"spec":{"ports":[{"$patch":"replace"},{"port":6,"name":"g"}]}}', ['g']],
    ['strategic', '{"spec":{"externalIPs":["192.0.2.1","192.0.2.2"]}}', ['g']],
    ['strategic', '{"spec":{"$deleteFromPrimitiveList/externalIPs":["192.0.2.1"]}}', ['g']],
    ['strategic', '{"spec":{"selector":{"$patch":"delete"}}}', ['g']],
    ['strategic', '{"metadata":{"annotations":{"a":"1","b":"2"}}}', ['g']],
    ['strategic', '{"metadata":{"annotations":{"$retainKeys":["b"],"b":"3"}}}', ['g']],
    ['strategic', '{"metadata":{"labels":{"$patch":"replace","only":"this"}}}', ['g']],
  ];
  cluster.patch('Service', 'default', 'web', { type: 'merge', body: { metadata: { labels: { kept: 'yes' } } } });
  for (const [type, body, ports] of applied) {
    t.match(patch(type, body)(), { spec: { ports: ports.map((name) => ({ name })) } }, body);
    t.equal(cluster.get('Service', 'default', 'web').spec.ports?.length, ports.length, body);
  }
  const last = cluster.get('Service', 'default', 'web');
  t.same(last.metadata.labels, { only: 'this' });
  t.same(last.metadata.annotations, { b: '3' });
  t.match(last.spec, { externalIPs: ['192.0.2.2'] });
  t.notOk('selector' in last.spec);
  t.end();
});
