import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { mistakeText } from '../src/corefile/mistake.ts';
import { systemFiles } from '../src/corefile/system-files.ts';
import { plugins } from '../src/plugins/index.ts';
import { makePlan } from '../src/server/plan.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

function mistakesIn(text: string): string[] {
  const options = { plugins, environment: {}, files: systemFiles, dnsPort: 53, directory: root };
  return makePlan({ path: 'Corefile', text }, options).errors.map(mistakeText);
}

t.test('each plugin has a page whose Corefiles can be used', async (t) => {
  for (const { name } of plugins) {
    const page = read(`src/plugins/${name}/README.md`);
    const sections = Array.from(page.matchAll(/^## (.+)$/gm), ([, title]) => title);
    t.same(sections.slice(0, 3), ['Name', 'Description', 'Syntax'], `${name}: sections`);
    t.match(page, new RegExp(`^\\*${name}\\* - `, 'm'), `${name}: says what it is`);
    const snippets = Array.from(page.matchAll(/^(~~~|```) ?corefile\n([\s\S]*?)^\1/gm), ([, , text = '']) => text);
    t.ok(snippets.length > 0, `${name}: has an example`);
    for (const snippet of snippets) t.same(mistakesIn(snippet), [], `${name}: ${snippet}`);
  }
});

t.test('the front page names every plugin', async (t) => {
  const [, listed = ''] = /^## Plugins\n\n([\s\S]*?);/m.exec(read('README.md')) ?? [];
  t.same(listed.match(/\w+/g), plugins.map(({ name }) => name).toSorted());
});

t.test('the Corefiles that ship can be used', async (t) => {
  t.same(mistakesIn(read('Corefile.example')), []);
  const [, manifest = ''] = /Corefile: \|\n([\s\S]*)/.exec(read('manifests/2-corefile.yaml')) ?? [];
  t.same(mistakesIn(manifest), []);
});
