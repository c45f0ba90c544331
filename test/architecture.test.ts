import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import t from 'tap';

const source = resolve(import.meta.dirname, '../src');

/** What the files of a folder may import, besides their own folder. A plugin never imports another plugin. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  '.': ['cli', 'plugins'],
  cli: ['server', 'plugins', 'devcluster', 'listen', 'corefile', 'core', 'dns', 'runtime', 'metrics'],
  server: ['listen', 'core', 'corefile', 'runtime', 'metrics', 'dns'],
  plugins: ['cluster', 'zone', 'kube', 'upstream', 'core', 'dns', 'corefile', 'runtime', 'metrics'],
  cluster: ['kube', 'core'],
  zone: ['core', 'dns'],
  upstream: ['core', 'dns', 'runtime', 'metrics'],
  listen: ['core', 'dns', 'runtime', 'metrics'],
  kube: ['runtime', 'metrics'],
  core: ['dns', 'corefile', 'runtime', 'metrics'],
  devcluster: ['runtime', 'dns'],
  dns: [],
  corefile: [],
  runtime: [],
  metrics: [],
};

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  const found = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
  return Array.from(found, ([, path = '']) => relative(source, resolve(source, dirname(file), path)));
}

/** `plugins/cache` for a plugin's files, else the first folder; '.' for the files above all folders. */
function roomOf(file: string): string {
  const [first = '', second = '', third] = file.split('/');
  if (first === 'plugins' && third !== undefined) return `plugins/${second}`;
  return file.includes('/') ? first : '.';
}

t.test('imports point downward, never sideways', async (t) => {
  for (const file of files) {
    const room = roomOf(file);
    for (const target of importsOf(file)) {
      const other = roomOf(target);
      const isOwn = other === room || target.startsWith('..');
      const isList = file === 'plugins/index.ts' && other.startsWith('plugins/');
      const rule = allowed[room.split('/')[0] ?? ''] ?? [];
      const [otherFolder = ''] = other.split('/');
      const goesThroughList = otherFolder !== 'plugins' || target === 'plugins/index.ts';
      t.ok(isOwn || isList || (rule.includes(otherFolder) && goesThroughList), `${file} may import ${target}`);
    }
  }
});

t.test('every folder has a rule', async (t) => {
  const folders = new Set(files.map((file) => roomOf(file).split('/')[0] ?? ''));
  t.same(
    [...folders].filter((folder) => allowed[folder] === undefined),
    [],
  );
});

t.test('no file is too long to be read in one go', async (t) => {
  for (const file of files) {
    const lines = readFileSync(join(source, file), 'utf8').split('\n').length;
    t.ok(lines <= 400, `${file}: ${lines} lines of at most 400`);
  }
});
