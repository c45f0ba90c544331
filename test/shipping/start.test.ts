/**
 * bin/portolan, in small projects of its own: `bin/portolan`, `src/main.ts` and what each case gives it as Node.
 * A stand-in for Node is a shell script that tells how it was started.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';

const repository = join(import.meta.dirname, '../..');

const standIn = `#!/bin/sh
echo "pid $$ in $PWD"
printf '<%s>' "$@"
`;

/** A machine's Node of that version. */
function machineNode(version: string): string {
  const tell = `case "$*" in *--version) echo ${version}; exit ;; esac`;
  return standIn.replace('\n', `\n${tell}\n`);
}

interface Given {
  readonly packages: boolean;
  /** The project's own Node. */
  readonly ownNode?: string;
  /** The one in the PATH. */
  readonly machineNode?: string;
}

interface Project {
  readonly folder: string;
  readonly start: string;
  readonly path: string;
}

function project(t: Test, given: Given): Project {
  const folder = realpathSync(t.testdir({ bin: {}, src: { 'main.ts': '' }, path: {} }));
  const start = join(folder, 'bin/portolan');
  copyFileSync(join(repository, 'bin/portolan'), start);
  if (given.packages) mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  if (given.ownNode !== undefined) writeScript(join(folder, 'node_modules/.bin/node'), given.ownNode);
  if (given.machineNode !== undefined) writeScript(join(folder, 'path/node'), given.machineNode);
  return { folder, start, path: join(folder, 'path') };
}

function writeScript(path: string, script: string): void {
  writeFileSync(path, script);
  chmodSync(path, 0o755);
}

interface Ran {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(command: string, args: readonly string[], path: string, cwd = '/'): Promise<Ran> {
  const child = spawn(command, args, { cwd, env: { PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { pid: child.pid, code: child.exitCode, out, err };
}

const heap = '<--max-old-space-size-percentage=40><--max-semi-space-size=4>';

t.test('becomes the Node of the project: same process, same folder, same arguments', async (t) => {
  const { folder, start, path } = project(t, { packages: true, ownNode: standIn, machineNode: machineNode('v26.0.0') });
  const { pid, code, out, err } = await run(start, ['-conf', 'a b', '', '*', '$HOME'], path, '/usr');
  t.equal(out, `pid ${pid} in /usr\n${heap}<${folder}/bin/../src/main.ts><-conf><a b><><*><$HOME>`);
  t.equal(err, '');
  t.equal(code, 0);
});

t.test('finds the project through links, from any folder', async (t) => {
  const { folder, start, path } = project(t, { packages: true, ownNode: standIn });
  mkdirSync(join(folder, 'links/deep'), { recursive: true });
  symlinkSync(start, join(folder, 'links/absolute'));
  symlinkSync('../../bin/portolan', join(folder, 'links/deep/relative'));
  symlinkSync('deep/relative', join(folder, 'links/chained'));
  symlinkSync('portolan', join(folder, 'bin/sibling'));
  const withTools = `${folder}/bin:${path}:/usr/bin:/bin`;
  const ways: readonly (readonly [what: string, command: string, args: readonly string[], cwd: string])[] = [
    ['an absolute link', join(folder, 'links/absolute'), [], '/'],
    ['a relative link', join(folder, 'links/deep/relative'), [], '/'],
    ['a link to a link', 'links/chained', [], folder],
    ['a link found in the PATH', 'sibling', [], '/'],
    ['the script, by a relative path', '../bin/portolan', [], join(folder, 'src')],
    ['the script, as an argument of sh', 'sh', ['portolan'], join(folder, 'bin')],
    ['a link, as an argument of sh', 'sh', ['sibling'], join(folder, 'bin')],
  ];
  for (const [what, command, args, cwd] of ways) {
    const { code, out, err } = await run(command, args, withTools, cwd);
    t.match(out, /src\/main\.ts>$/, what);
    t.same([code, err], [0, ''], what);
  }
});

t.test('takes the Node of the machine from 26 on', async (t) => {
  const { start, path } = project(t, { packages: true, machineNode: machineNode('v26.1.0') });
  const { out, err, code } = await run(start, ['-version'], path);
  t.match(out, `${heap}<`);
  t.equal(err, '');
  t.equal(code, 0);
});

t.test('says in one line what to do where it cannot start', async (t) => {
  const table: readonly (readonly [what: string, given: Given, message: RegExp])[] = [
    [
      'before npm ci',
      { packages: false, machineNode: machineNode('v26.10.0') },
      /^portolan: its packages are not installed: run `npm ci` in (.+)\n$/,
    ],
    [
      'no Node at all',
      { packages: true },
      /^portolan: no Node\.js that runs it: run `npm ci` in (.+), or install Node\.js 26 or newer\n$/,
    ],
    ['an old Node', { packages: true, machineNode: machineNode('v25.9.0') }, /run `npm ci` in (.+), or install/],
    ['a broken Node', { packages: true, machineNode: '#!/bin/sh\nexit 127\n' }, /run `npm ci` in (.+), or install/],
  ];
  for (const [what, given, message] of table) {
    const { folder, start, path } = project(t, given);
    const { code, out, err } = await run(start, [], path);
    t.match(err, message, what);
    t.equal(message.exec(err)?.[1], folder, `${what}: names the folder`);
    t.same([code, out], [1, ''], what);
  }
});

t.test('with the real Node: heap limits reach both threads, signals and exit code are the server’s', async (t) => {
  const { folder, start, path } = project(t, { packages: true });
  symlinkSync(process.execPath, join(folder, 'node_modules/.bin/node'));
  writeFileSync(
    join(folder, 'src/main.ts'),
    `import { Worker } from 'node:worker_threads';
     const limit: string = "require('node:v8').getHeapStatistics().heap_size_limit";
     new Worker('require("node:worker_threads").parentPort.postMessage(' + limit + ')', { eval: true }).on('message', (worker) => {
       console.log(JSON.stringify({ pid: process.pid, main: process.getBuiltinModule('node:v8').getHeapStatistics().heap_size_limit, worker }));
     });
     process.on('SIGTERM', () => process.exit(7));
     setInterval(() => {}, 1000);`,
  );
  const child = spawn(start, [], {
    env: { PATH: `${dirname(process.execPath)}:${path}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const told: { pid: number; main: number; worker: number } = JSON.parse(String(line));
  t.equal(told.pid, child.pid);
  t.equal(told.main, told.worker, 'a worker has the limit of the main thread');
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  t.strictSame(await exited, [7, null]);
});
