import { join } from 'node:path';
import t from 'tap';
import { forwardIn, forwardPlugin, type ForwardWorld } from '../../src/plugins/forward/index.ts';
import { upstreams } from '../../src/upstream/upstreams.ts';
import { build, mistakesOf, testHost } from '../support/env.ts';
import { forwarding, outcome, stub, tcp, world } from '../upstream/forwarding.ts';
import { recorded } from '../upstream/recorded-server.ts';

const data = join(import.meta.dirname, '../upstream/data');

t.test('encrypted upstreams', async (t) => {
  const dot = await stub(t, { protocol: 'tls' });
  const doh = await stub(t, { protocol: 'https' });
  const tls = `tls ${join(data, 'server.crt')}`;
  const served = 'NOERROR ra\nanswer a.test. 100 IN A 192.0.2.1';
  for (const [lines, answer] of [
    [`forward . tls://${dot.endpoint} {\n${tls}\n}`, served],
    [`forward . tls://127.0.0.1%dns.test:${dot.port} {\n${tls}\n}`, served],
    [`forward . tls://${dot.endpoint} {\n${tls}\ntls_servername dns.test\n}`, served],
    [
      `forward . tls://${dot.endpoint} {\n${tls}\ntls_servername other.test\n}`,
      /^SERVFAIL dial tcp HOST:PORT: .*other\.test/,
    ],
    [`forward . tls://${dot.endpoint}`, /^SERVFAIL dial tcp HOST:PORT: self-signed certificate/],
    [`forward . https://${doh.endpoint} {\n${tls}\n}`, served],
    [`forward . https://${doh.endpoint} {\n${tls}\ndoh_method GET\ntls_servername dns.test\n}`, served],
  ] as const) {
    const { handler } = await forwarding(t, lines);
    t.match(await outcome(handler, 'a.test.'), answer, lines);
  }
  t.equal(dot.seen[0], 'tls a.test. A [rd]');
  const mutual = await stub(t, { protocol: 'tls', wantsCertificate: true });
  const [crt, key] = ['server.crt', 'server.key'].map((file) => join(data, file));
  const { handler, host } = await forwarding(t, `forward . tls://${mutual.endpoint} {\ntls ${crt} ${key} ${crt}\n}`);
  t.equal(await outcome(handler, 'a.test.'), served);
  t.match(
    await host.metrics.exposition(),
    `conn_cache_misses_total{proto="tcp-tls",proxy_name="forward",to="${mutual.endpoint}"} 1`,
  );

  const lookup = async (): Promise<string[]> => ['127.0.0.1'];
  const named = await forwarding(t, `forward . tls://dns.test:${dot.port} {\n${tls}\n}`, { lookup });
  t.equal(await outcome(named.handler, 'a.test.'), served, 'a host name is the name of the certificate');
  const wrong = await forwarding(t, `forward . tls://other.test:${dot.port} {\n${tls}\n}`, { lookup });
  t.match(await outcome(wrong.handler, 'a.test.'), /other\.test/);
});

t.test('where upstreams come from', async (t) => {
  const file = `# a comment\nsearch a.test\nnameserver 192.0.2.1\n nameserver  fe80::1%eth0\nnameserver nonsense\nnameserver 192.0.2.1\noptions ndots:5\n`;
  const files: ForwardWorld['files'] = {
    kind: (path) => (path.startsWith('/etc/') ? 'file' : 'missing'),
    read: (path) => (path === '/etc/empty.conf' ? 'search a.test\n' : file),
  };
  const asked: unknown[] = [];
  const lookup: ForwardWorld['lookup'] = async (name, resolvers) => {
    asked.push([name, resolvers]);
    return name === 'dns.test' ? ['192.0.2.7', '2001:db8::7'] : Promise.reject(new Error('getaddrinfo ENOTFOUND'));
  };
  const found = async (line: string): Promise<string[]> => {
    const { env } = await forwarding(t, `forward ${line}`, { files, lookup });
    return upstreams
      .find(env.scope)
      .flatMap(({ routes }) => routes.map(({ server }) => `${server.endpoint} ${server.origin}`));
  };
  t.same(await found('. /etc/resolv.conf /etc/empty.conf 192.0.2.9 192.0.2.9:53 192.0.2.9:54'), [
    '192.0.2.1:53 a nameserver of /etc/resolv.conf, line 3',
    '[fe80::1]:53 a nameserver of /etc/resolv.conf, line 4',
    '192.0.2.9:53 Corefile:2',
    '192.0.2.9:54 Corefile:2',
  ]);
  t.same(await found('. dns.test:5353 dns://dns.test {\nresolver 192.0.2.53 [2001:db8::53]:5353\n}'), [
    '192.0.2.7:5353 Corefile:2',
    '[2001:db8::7]:5353 Corefile:2',
    '192.0.2.7:53 Corefile:2',
    '[2001:db8::7]:53 Corefile:2',
  ]);
  t.same(asked[0], ['dns.test', ['192.0.2.53', '[2001:db8::53]:5353']]);
  t.same(
    await found(
      '. 2001:db8::1 [2001:db8::2]:5353 fe80::1%eth0 dns://192.0.2.1 tls://2001:db8::3%dns.test tls://192.0.2.3%dns.test https://192.0.2.4',
    ),
    [
      '[2001:db8::1]:53 Corefile:2',
      '[2001:db8::2]:5353 Corefile:2',
      '[fe80::1%eth0]:53 Corefile:2',
      '192.0.2.1:53 Corefile:2',
      '[2001:db8::3]:853 Corefile:2',
      '192.0.2.3:853 Corefile:2',
      '192.0.2.4:443 Corefile:2',
    ],
  );

  const many = Array.from({ length: 16 }, (_, i) => `nameserver 192.0.2.${i}`).join('\n');
  const failures: readonly (readonly [line: string, message: string, text?: string])[] = [
    ['/nope/resolv.conf', 'failed to resolve "/nope/resolv.conf": no such file'],
    ['notanip', 'failed to resolve "notanip": getaddrinfo ENOTFOUND'],
    ['/etc/empty.conf', 'no valid upstream addresses found'],
    ['/etc/many.conf', 'more than 15 TOs configured: 16', many],
    ['192.0.2.1 {\ntls /nope/ca.pem\n}', 'error reading /nope/ca.pem: no such file'],
    ['192.0.2.1 {\ntls /etc/ca.pem\n}', 'could not load TLS cert: '],
  ];
  for (const [line, message, text = file] of failures) {
    const read = (path: string): string => {
      if (path === '/etc/empty.conf' || path.startsWith('/nope')) return path === '/etc/empty.conf' ? '' : noFile();
      return text;
    };
    await t.rejects(forwarding(t, `forward . ${line}`, { files: { ...files, read }, lookup }), {
      message: new RegExp(`^Corefile:2 - plugin/forward: ${message.replaceAll(/[.+]/g, '\\$&')}`),
    });
  }
  const hanging = testHost();
  const built = build(forwardIn({ ...world, lookup: () => new Promise(() => {}) }), '. {\nforward . slow.test\n}', {
    host: hanging,
  });
  const failure = t.rejects(Promise.resolve(built.instance.start?.(false)), {
    message: /failed to resolve "slow.test": no answer within 10s$/,
  });
  await hanging.clock.advance(10_000);
  await failure;
});

function noFile(): never {
  throw new Error('no such file');
}

t.test('what it refuses in a Corefile', async (t) => {
  const args = (word: string): string =>
    `Error during parsing: Wrong argument count or unexpected line ending after '${word}'`;
  const atTwo: readonly (readonly [line: string, message: string])[] = [
    ['forward', args('forward')],
    ['forward .', args('.')],
    ['forward . quic://1.1.1.1', `'quic' is not supported as a destination protocol in forward: quic://1.1.1.1:853`],
    ['forward . grpc://1.1.1.1', `'grpc' is not supported as a destination protocol in forward: grpc://1.1.1.1:443`],
    ['forward . grpc://1.1.1.1:99', `'grpc' is not supported as a destination protocol in forward: grpc://1.1.1.1:99`],
    ['forward . ftp://1.1.1.1', 'not an IP address, file, or valid domain: "ftp://1.1.1.1"'],
    ['forward . tls://', 'invalid address: "tls://"'],
    ['forward . 1.1.1.1:99999', 'invalid port in "1.1.1.1:99999": a port is 1 to 65535'],
    [
      'forward . https://1.1.1.1/dns-query',
      'paths are not allowed in HTTPS upstream addresses (the /dns-query path is used by default): https://1.1.1.1/dns-query',
    ],
    [`forward . ${Array.from({ length: 16 }, (_, i) => `1.1.1.${i}`).join(' ')}`, 'more than 15 TOs configured: 16'],
    ['forward . 1.1.1.1 {\nmax_age 5s\n}', 'max_age (5s) must not be less than expire (10s)'],
    [
      'forward . tls://1.1.1.1%b.test {\ntls_servername a.test\n}',
      `both forward ('a.test') and proxy level ('b.test') TLS servernames are set for upstream proxy 'tls://1.1.1.1:853'`,
    ],
  ];
  for (const [line, message] of atTwo) {
    t.same(mistakesOf(forwardPlugin, `. {\n${line}\n}`), [`Corefile:2 - plugin/forward: ${message}`], line);
  }
  const options: readonly (readonly [option: string, message: string])[] = [
    ['foo', `Error during parsing: unknown property 'foo'`],
    ['policy foo', `Error during parsing: unknown policy 'foo'`],
    ['max_fails -1', 'strconv.ParseUint: parsing "-1": invalid syntax'],
    ['max_connect_attempts x', 'strconv.ParseUint: parsing "x": invalid syntax'],
    ['max_concurrent many', 'strconv.Atoi: parsing "many": invalid syntax'],
    ['max_concurrent -1', `max_concurrent can't be negative: -1`],
    ['max_idle_conns -1', `max_idle_conns can't be negative: -1`],
    ['expire -1s', `expire can't be negative: -1s`],
    ['expire 5', 'time: missing unit in duration "5"'],
    ['max_age -1s', `max_age can't be negative: -1s`],
    ['read_timeout 0s', 'read_timeout must be positive: 0s'],
    ['health_check -1s', `health_check can't be negative: -1000000000`],
    ['health_check 1s foo', 'health_check: unknown option foo'],
    ['health_check 1s domain a..b', 'health_check: invalid domain name a..b: empty label in a..b'],
    ['except', args('except')],
    ['force_tcp now', args('now')],
    ['tls a b c d', args('d')],
    ['doh_method PUT', 'doh_method must be either POST or GET'],
    ['next nope', 'nope is not a valid rcode'],
    ['failover SERVFAIL noerror', 'NoError cannot be used in failover'],
    ['resolver dns.test', 'resolver must be an IP address or IP:port: "dns.test"'],
    ['source_address here', 'Error during parsing: invalid IP address: here'],
  ];
  for (const [option, message] of options) {
    const corefile = `. {\nforward . 1.1.1.1 {\n${option}\n}\n}`;
    t.same(mistakesOf(forwardPlugin, corefile), [`Corefile:3 - plugin/forward: ${message}`], option);
  }
  t.same(
    mistakesOf(forwardPlugin, '. {\nforward . 1.1.1.1 {\nexpire x\npolicy y\n}\nforward . quic://1.1.1.1 ftp://x\n}')
      .length,
    4,
    'all mistakes at once',
  );
  t.same(build(forwardPlugin, '. {\nforward 10.0.0.0/9 1.1.1.1\n}').warnings.length, 1);
});

t.test('what is counted', async (t) => {
  const server = await stub(t, recorded);
  const { handler, host } = await forwarding(t, `forward . ${server.endpoint}`);
  for (const label of ['www', 'nx', 'www']) await outcome(handler, `${label}.example.org.`);
  for (const label of ['www', 'www']) await outcome(handler, `${label}.example.org.`, tcp);
  const text = await host.metrics.exposition();
  const to = `to="${server.endpoint}"`;
  t.match(text, `coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NOERROR",${to}} 4`);
  t.match(text, `coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NXDOMAIN",${to}} 1`);
  t.match(
    text,
    `coredns_proxy_request_duration_seconds_bucket{proxy_name="forward",rcode="NXDOMAIN",${to},le="8.192"} 1`,
  );
  t.match(text, `coredns_proxy_conn_cache_misses_total{proto="tcp",proxy_name="forward",${to}} 1`);
  t.match(text, `coredns_proxy_conn_cache_hits_total{proto="tcp",proxy_name="forward",${to}} 1`);
  t.match(text, new RegExp(`coredns_proxy_conn_cache_misses_total\\{proto="udp",proxy_name="forward",${to}\\} [123]`));
  t.match(text, /^coredns_forward_max_concurrent_rejects_total 0$/m);
});
