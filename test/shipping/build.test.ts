/** build.ts, on a small program that has what the server has: a thread, a package loaded on demand, a file beside it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { bundle } from '../../build.ts';

const repository = join(import.meta.dirname, '../..');
const entries = { portolan: 'src/main.ts', 'watch-thread': 'src/watch-thread.ts' };
const assets = ['src/default-cluster.yaml'];

const program = {
  'main.ts': `
    import { readFileSync } from 'node:fs';
    import { extname } from 'node:path';
    import { Worker } from 'node:worker_threads';
    import { Packet } from 'dns2';
    import { load } from 'js-yaml';
    import { LRUCache } from 'lru-cache';
    import { pino } from 'pino';
    import { Registry } from 'prom-client';
    import { versionBanner } from 'VERSION';

    function answer(value: string): void {
      console.log(value);
    }
    answer(versionBanner());
    answer(String((load(readFileSync(new URL('./default-cluster.yaml', import.meta.url), 'utf8')) as { kind: string }).kind));
    answer([Packet.TYPE.A, new LRUCache({ max: 1 }).max, pino({ level: 'silent' }).level, typeof new Registry().metrics].join(' '));
    new Worker(new URL('./watch-thread' + extname(import.meta.filename), import.meta.url)).on('message', answer);
  `,
  'watch-thread.ts': `
    import { parentPort } from 'node:worker_threads';
    const { server } = await import('./credentials.ts');
    parentPort?.postMessage(server());
  `,
  'credentials.ts': `
    import { KubeConfig } from '@kubernetes/client-node';
    export function server(): string | undefined {
      const config = new KubeConfig();
      config.loadFromClusterAndUser({ name: 'c', server: 'https://10.96.0.1', skipTLSVerify: false }, { name: 'u' });
      return config.getCurrentCluster()?.server;
    }
  `,
  'default-cluster.yaml': 'kind: List\n',
};

/** A folder within the repository, where the packages are found. */
function sources(t: Test, files: Readonly<Record<string, string>>): string {
  const version = relative(join(t.testdirName, 'src'), join(repository, 'src/cli/version.ts'));
  const src = Object.entries(files).map(([name, text]) => [name, text.replace('VERSION', version)] as const);
  return t.testdir({ src: Object.fromEntries(src) });
}

/** A folder outside the repository, where they are not. */
function elsewhere(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

t.test('the bundle runs without node_modules', async (t) => {
  const root = sources(t, program);
  const folder = elsewhere(t);
  const outputFolder = join(folder, 'dist');
  const files = await bundle({ root, outputFolder, entries, assets, commit: 'abc1234' });

  t.match(files.join(' '), /THIRD-PARTY-LICENSES\.txt .*default-cluster\.yaml .*portolan\.js .*watch-thread\.js/);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(outputFolder, 'portolan.js')], {
    cwd: folder,
  });
  t.strictSame(stdout.trim().split('\n').slice(1), [
    `${process.platform}/${process.arch}, node ${process.version}, abc1234`,
    'List',
    '1 1 silent function',
    'https://10.96.0.1',
  ]);
  t.equal(stderr, '');

  const server = readFileSync(join(outputFolder, 'portolan.js'), 'utf8');
  t.match(server, /function answer\(value\) \{\n/, 'names and lines stay, for stack traces');
  t.notMatch(server, /KubeConfig/, 'the Kubernetes client is not loaded with the server');
  const licenses = readFileSync(join(outputFolder, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const name of ['@kubernetes/client-node', 'dns2', 'js-yaml', 'lru-cache', 'pino', 'prom-client']) {
    t.match(licenses, new RegExp(`^${name} \\d[^(]*\\(.+\\)$`, 'm'), `the terms of ${name} go along`);
  }
  t.notMatch(licenses, /esbuild|typescript/i, 'tools of the build do not');
});

t.test('a second build leaves nothing of the first', async (t) => {
  const root = sources(t, { ...program, 'main.ts': 'console.log(1);' });
  const outputFolder = join(elsewhere(t), 'dist');
  const build = { root, outputFolder, assets, commit: undefined };
  await bundle({ ...build, entries: { first: 'src/main.ts' } });
  t.strictSame(await bundle({ ...build, entries: { second: 'src/main.ts' } }), [
    'THIRD-PARTY-LICENSES.txt',
    'default-cluster.yaml',
    'second.js',
    'second.js.map',
  ]);
});

t.test('what cannot be built is said, with its place', async (t) => {
  const table: readonly (readonly [main: string, entry: string, message: RegExp])[] = [
    ['', 'src/absent.ts', /^nothing to build from: src\/absent\.ts not found in .+$/],
    [`import 'absent';`, 'src/main.ts', /src\/main\.ts:1:7: ERROR: Could not resolve "absent"/],
    ['console.log({ a: 1, a: 2 });', 'src/main.ts', /Duplicate key "a".+src\/main\.ts:1:20:/s],
  ];
  for (const [main, entry, message] of table) {
    const root = sources(t, { 'main.ts': main });
    const build = bundle({ root, outputFolder: join(root, 'dist'), entries: { entry }, assets: [], commit: undefined });
    await t.rejects(build, { message }, String(message));
  }
});
