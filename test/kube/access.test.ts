import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Test } from 'tap';
import { inClusterAccess } from '../../src/kube/access.ts';
import type { Access } from '../../src/kube/access.ts';
import { readText } from '../../src/kube/body.ts';
import { describeFailure } from '../../src/kube/failure.ts';
import { HttpTransport } from '../../src/kube/http-transport.ts';
import type { RequestOutcome } from '../../src/kube/http-transport.ts';
import { ManualClock } from '../support/clock.ts';
import { dataFile } from './recorded.ts';

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function plainServer(t: Test, listener: RequestListener): Promise<number> {
  return listen(t, http.createServer(listener));
}

/** An HTTPS server that asks for a client certificate and takes what comes. */
function secureServer(t: Test, listener: RequestListener): Promise<number> {
  const options = {
    cert: readFileSync(dataFile('tls-server.crt')),
    key: readFileSync(dataFile('tls-server.key')),
    ca: readFileSync(dataFile('tls-ca.crt')),
    requestCert: true,
    rejectUnauthorized: false,
  };
  return listen(t, https.createServer(options, listener));
}

function clientOf({ socket }: IncomingMessage): string {
  if (!(socket instanceof TLSSocket)) return 'plain';
  const { subject } = socket.getPeerCertificate();
  return subject === undefined ? 'no certificate' : String(subject.CN);
}

function open(access: Access) {
  const outcomes: RequestOutcome[] = [];
  const transport = new HttpTransport(access, 'Portolan/0 (test)', new ManualClock(), (o) => outcomes.push(o));
  const signal = new AbortController().signal;
  return {
    transport,
    outcomes,
    /** `STATUS BODY`, or the error's message. */
    get: async (target = '/api/v1/pods?limit=500'): Promise<string> => {
      try {
        const response = await transport.get(target, { accept: 'application/json' }, signal, 0);
        return `${response.status} ${await readText(response.body, 10_000_000)}`;
      } catch (error) {
        return (error as Error).message;
      }
    },
  };
}

t.test('the environment of a pod', (t) => {
  const access = inClusterAccess({ KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' });
  const directory = '/var/run/secrets/kubernetes.io/serviceaccount';
  t.strictSame(access, { from: 'in-cluster', server: 'https://10.96.0.1:443', directory });
  t.match(inClusterAccess({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, '/x'), {
    server: 'https://[fd00::1]:443',
    directory: '/x',
  });
  for (const environment of [{}, { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, { KUBERNETES_SERVICE_PORT: '443' }]) {
    t.throws(() => inClusterAccess(environment), {
      message:
        'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
    });
  }
  t.end();
});

t.test('in the cluster: the service account, whose token is rotated', async (t) => {
  let accepted = 'one';
  const port = await secureServer(t, (request, response) => {
    const known = request.headers.authorization === `Bearer ${accepted}`;
    response.writeHead(known ? 200 : 401).end(`${request.headers['user-agent']} ${request.url}`);
  });
  const directory = t.testdir({ token: 'one\n' });
  copyFileSync(dataFile('tls-ca.crt'), join(directory, 'ca.crt'));
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
  const { get, outcomes, transport } = open(inClusterAccess(environment, directory));
  t.equal(await get(), '200 Portolan/0 (test) /api/v1/pods?limit=500');
  accepted = 'two';
  t.match(await get(), /^401 /);
  transport.renew();
  t.match(await get(), /^401 /, 'not before the file has it');
  writeFileSync(join(directory, 'token'), 'two');
  t.match(await get(), /^200 /);
  t.strictSame(
    outcomes.map(({ code, method, host }) => `${method} ${host} ${code}`),
    ['200', '401', '401', '200'].map((code) => `GET 127.0.0.1:${port} ${code}`),
  );
});

t.test('in the cluster, without what should be mounted', async (t) => {
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' };
  const { get, outcomes } = open(inClusterAccess(environment, t.testdir({})));
  t.match(await get(), /^ENOENT: .*token' \(is a service account token mounted into this pod\?\)$/);
  t.strictSame(outcomes, [], 'nothing was sent');
});

t.test('an endpoint with certificates, which are rotated', async (t) => {
  const port = await secureServer(t, (request, response) => response.end(clientOf(request)));
  const directory = t.testdir({});
  const [cert, key, ca] = ['cert.pem', 'key.pem', 'ca.pem'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const { get } = open({ from: 'endpoint', url: `127.0.0.1:${port}`, tls: { cert, key, ca } });
  t.match(await get(), /^ENOENT: .*cert.pem' \(check the option 'tls'\)$/);
  copyFileSync(dataFile('tls-ca.crt'), ca);
  for (const [name, client] of [
    ['tls-client', 'watcher'],
    ['tls-server', 'localhost'],
  ]) {
    copyFileSync(dataFile(`${name}.crt`), cert);
    copyFileSync(dataFile(`${name}.key`), key);
    t.equal(await get(), `200 ${client}`);
  }
});

t.test('a plain endpoint', async (t) => {
  const port = await plainServer(t, (request, response) =>
    response.end(`${request.headers.authorization} ${request.url}`),
  );
  t.equal(await open({ from: 'endpoint', url: `127.0.0.1:${port}` }).get(), '200 undefined /api/v1/pods?limit=500');
  const { get } = open({ from: 'endpoint', url: `http://localhost:${port}/k8s/clusters/c-1/` });
  t.equal(await get(), '200 undefined /k8s/clusters/c-1/api/v1/pods?limit=500', 'below a path');
});

/** The text of a kubeconfig (YAML knows JSON) with one context for each user; the first is the current one. */
function kubeconfig(server: string, users: Readonly<Record<string, object>>): string {
  const names = Object.keys(users);
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority': dataFile('tls-ca.crt') } }],
    users: names.map((name) => ({ name, user: users[name] })),
    contexts: [
      ...names.map((name) => ({ name: `as-${name}`, context: { cluster: 'c', user: name } })),
      { name: 'astray', context: { cluster: 'elsewhere', user: names[0] } },
    ],
    'current-context': `as-${names[0]}`,
  });
}

t.test('a kubeconfig: contexts, tokens, certificates, passwords', async (t) => {
  const port = await secureServer(t, (request, response) => {
    const { authorization, 'impersonate-user': as } = request.headers;
    response.end([clientOf(request), authorization, as].join(' '));
  });
  const inline = (name: string) => readFileSync(dataFile(name)).toString('base64');
  const config = kubeconfig(`https://localhost:${port}`, {
    token: { token: 'secret', as: 'admin' },
    certificate: { 'client-certificate-data': inline('tls-client.crt'), 'client-key-data': inline('tls-client.key') },
    password: { username: 'me', password: 'pw' },
  });
  const file = join(t.testdir({ config }), 'config');
  t.equal(
    await open({ from: 'kubeconfig', file }).get(),
    '200 no certificate Bearer secret admin',
    'the current context',
  );
  const as = (context: string) => open({ from: 'kubeconfig', file, context }).get();
  t.equal(await as('as-certificate'), '200 watcher  ');
  t.equal(await as('as-password'), `200 no certificate Basic ${Buffer.from('me:pw').toString('base64')} `);
  for (const context of ['astray', 'nowhere']) {
    t.equal(await as(context), `kubeconfig ${file}: context "${context}" does not lead to a cluster`);
  }
});

t.test('a kubeconfig: a cluster that is not verified, and one behind a proxy', async (t) => {
  const port = await secureServer(t, (_, response) => response.end('here'));
  const kubeconfigOf = (cluster: object) =>
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}`, ...cluster } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user: { token: 'secret' } }],
      'current-context': 'x',
    });
  const proxied: (string | undefined)[] = [];
  const proxy = http.createServer();
  proxy.on('connect', (request, socket) => {
    proxied.push(request.url);
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.pipe(connect(port, '127.0.0.1')).pipe(socket);
  });
  const proxyPort = await listen(t, proxy);
  const directory = t.testdir({
    verified: kubeconfigOf({}),
    unverified: kubeconfigOf({ 'insecure-skip-tls-verify': true }),
    proxied: kubeconfigOf({
      'certificate-authority': dataFile('tls-ca.crt'),
      'proxy-url': `http://127.0.0.1:${proxyPort}`,
    }),
  });
  const by = (name: string) => open({ from: 'kubeconfig', file: join(directory, name) }).get();
  t.match(await by('verified'), /x509/);
  t.equal(await by('unverified'), '200 here');
  t.equal(await by('proxied'), '200 here');
  t.strictSame(proxied, [`127.0.0.1:${port}`]);
});

t.test('a kubeconfig: a credential plugin is asked again after a refusal', async (t) => {
  const port = await secureServer(t, (request, response) => response.end(request.headers.authorization));
  const directory = t.testdir({ credential: JSON.stringify({ status: { token: 'one' } }) });
  const credential = join(directory, 'credential');
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: ['-e', 'process.stdout.write(require("node:fs").readFileSync(process.argv[1]))', credential],
  };
  const file = join(directory, 'config');
  writeFileSync(file, kubeconfig(`https://127.0.0.1:${port}`, { plugin: { exec } }));
  const { get, transport } = open({ from: 'kubeconfig', file });
  t.equal(await get(), '200 Bearer one');
  writeFileSync(credential, JSON.stringify({ status: { token: 'two' } }));
  t.equal(await get(), '200 Bearer one', 'not for each request');
  transport.renew();
  t.equal(await get(), '200 Bearer two');
});

t.test('a kubeconfig: plain HTTP, and a file that comes late', async (t) => {
  const port = await plainServer(t, (request, response) => response.end(request.headers.authorization));
  const file = join(t.testdir({}), 'late');
  const { get } = open({ from: 'kubeconfig', file });
  t.match(await get(), /^ENOENT: .*late'$/);
  writeFileSync(file, kubeconfig(`http://127.0.0.1:${port}`, { token: { token: 'secret' } }));
  t.equal(await get(), '200 Bearer secret');
});

t.test('what keeps a response from coming is said in the words people look for', async (t) => {
  const closed = http.createServer();
  const port = await listen(t, closed);
  await new Promise((resolve) => closed.close(resolve));
  const refused = open({ from: 'endpoint', url: `http://127.0.0.1:${port}/` });
  t.equal(
    await refused.get('/api?x=1'),
    `Get "http://127.0.0.1:${port}/api?x=1": dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
  t.match(refused.outcomes, [{ code: '<error>', method: 'GET', host: `127.0.0.1:${port}`, seconds: 0 }]);

  const securePort = await secureServer(t, (_, response) => response.end());
  t.match(
    await open({ from: 'endpoint', url: `https://127.0.0.1:${securePort}` }).get(),
    /: tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
  );
  t.match(await open({ from: 'endpoint', url: `http://127.0.0.1:${securePort}` }).get(), /^Get "http:.*": ./);

  const rude = await plainServer(t, (request) => request.socket.destroy());
  t.match(await open({ from: 'endpoint', url: `http://127.0.0.1:${rude}` }).get(), /: connection reset by peer$/);
});

t.test('failures in the usual words', (t) => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', address: '::1', port: 6443 });
  const cases: readonly (readonly [unknown, string])[] = [
    [new AggregateError([refused, new Error('other')]), 'dial tcp ::1:6443: connect: connection refused'],
    [
      Object.assign(new Error('getaddrinfo ENOTFOUND api'), { code: 'ENOTFOUND', hostname: 'api' }),
      'dial tcp: lookup api: no such host',
    ],
    [
      Object.assign(new Error('expired'), { code: 'CERT_HAS_EXPIRED' }),
      'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
    ],
    [Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }), 'connection reset by peer'],
    [Object.assign(new Error('as it is'), { code: 'ERR_OTHER' }), 'as it is'],
    ['text', 'text'],
  ];
  for (const [error, words] of cases) t.equal(describeFailure(error), words, words);
  t.end();
});

t.test('bodies: compressed, broken, given up', async (t) => {
  const text = 'name '.repeat(50_000);
  const zipped = gzipSync(text);
  const port = await plainServer(t, (request, response) => {
    if (request.url === '/zip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped);
    else if (request.url === '/half-zip')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped.subarray(0, 99));
    else if (request.url === '/break') response.write(text, () => response.destroy());
    else response.write('endless');
  });
  const { get, transport } = open({ from: 'endpoint', url: `http://127.0.0.1:${port}` });
  t.equal(await get('/zip'), `200 ${text}`);
  t.match(await get('/half-zip'), /unexpected end of file/);
  t.match(await get('/break'), /aborted/);
  const abort = new AbortController();
  const { body } = await transport.get('/endless', {}, abort.signal, 0);
  const reading = readText(body, 1_000);
  abort.abort();
  await t.rejects(reading);
  const unread = new AbortController();
  await transport.get('/endless', {}, unread.signal, 0);
  unread.abort();
  t.equal(await get('/zip'), `200 ${text}`, 'nobody has to read what is given up');
});

t.test('connections are kept', async (t) => {
  const ports = new Set<number | undefined>();
  const port = await plainServer(t, (request, response) => {
    ports.add(request.socket.remotePort);
    response.end('x');
  });
  const { get } = open({ from: 'endpoint', url: `http://127.0.0.1:${port}` });
  for (let asked = 0; asked < 5; asked++) await get();
  t.equal(ports.size, 1);
});
