import * as fc from 'fast-check';
import t from 'tap';
import { readCorefile, type Reading } from '../../src/corefile/index.ts';
import type { Token } from '../../src/corefile/lexer.ts';
import { memoryFiles, plugins } from './read.ts';

/** Repeatable: a failure is found again by running the test again. */
const parameters = { seed: 20_260_101, numRuns: 3000 } as const;

const environment = { A: '{$B}', B: 'cache', C: '{%C%}{%C%}', D: '{', E: '' };
const files = memoryFiles({
  '/etc/coredns/a.conf': 'errors\nimport b.conf',
  '/etc/coredns/b.conf': '(t) {\n log }\nimport a.conf',
  '/etc/coredns/c.conf': 'x.org {\nimport *.conf\n"',
});

function read(text: string): Reading {
  return readCorefile({ path: 'Corefile', text }, environment, files, { plugins, dnsPort: 53 });
}

const fragment = fc.constantFrom(
  ...'{ } { } " " # , . x \\ (s) (t) import {$A} {%B%} {$C} {$D} {$ {$E} errors cache kubernetes proxy health{'.split(
    ' ',
  ),
  ...'a.org a.org:53, tls://b:99999 10.0.0.0/22 fd00::/9:1'.split(' '),
  ...'import s|import t|import *.conf|import a.conf|import ?|\n|\n|\n|\r'.split('|'),
);
const soup = fc.array(fc.tuple(fragment, fc.constantFrom(' ', ' ', '\n', '')), { maxLength: 60 });
const text = fc.oneof(
  soup.map((parts) => parts.flat().join('')),
  fc.string({ unit: 'binary', maxLength: 200 }),
);

t.test('whatever the text is, reading it ends, and mistakes are values with a place', async (t) => {
  const property = fc.property(text, (text) => {
    const { corefile, warnings, errors, fingerprint } = read(text);
    const lastLine = text.split('\n').length;
    for (const { file, line, message } of [...warnings, ...errors]) {
      if (message === '' || message.includes('\n')) return false;
      if (line < 1 || (file === 'Corefile' && line > lastLine)) return false;
    }
    if (corefile.blocks.some(({ addresses, zones }) => addresses.length === 0 || zones.length === 0)) return false;
    return errors.length > 0 || (corefile.blocks.length > 0 && fingerprint !== undefined);
  });
  fc.assert(property, parameters);
  t.pass('no counterexample');
});

const word = fc.constantFrom(...'.|a.org|5s|{{ .Name }} 60|say "x"|#||two\nlines|{|}|import|a\\b|é'.split('|'));
/** The word in quotes, unless it can do without. */
function written(text: string): string {
  return /^[\w.é]+$/.test(text) && text !== 'import' ? text : `"${text.replaceAll('"', String.raw`\"`)}"`;
}
const args = fc.array(word, { maxLength: 4 });
const option = fc.record({ name: fc.constantFrom('ttl', 'match', '192.0.2.1'), args });
const directive = fc.record({
  name: fc.constantFrom('errors', 'log', 'template', 'forward'),
  args,
  options: fc.option(fc.array(option, { maxLength: 3 })),
});
const block = fc.record({
  zone: fc.constantFrom('.', 'a.org.', 'b.'),
  directives: fc.array(directive, { maxLength: 4 }),
});
const end = fc.constantFrom('\n', '\r\n', ' # a comment\n', '\n\n\t');

t.test('what is written is what is read', async (t) => {
  const property = fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), end, (blocks, end) => {
    const line = (name: string, args: readonly string[]): string => [name, ...args.map(written)].join(' ');
    const text = blocks.map(({ zone, directives }, port) => {
      const body = directives.map(({ name, args, options }) => {
        const inner = options?.map((option) => line(option.name, option.args) + end).join('');
        return `${line(name, args)}${inner === undefined ? '' : ` {${end}${inner}}`}${end}`;
      });
      return `${zone}:${port} {${end}${body.join('')}}${end}`;
    });
    const { corefile, warnings, errors } = read(text.join(''));
    const found = corefile.blocks.map(({ zones, directives }) => ({
      zone: zones.join(' '),
      directives: directives.map(({ name, args, brace, options }) => ({
        name,
        args: texts(args),
        options: brace === undefined ? null : options.map(({ name, args }) => ({ name, args: texts(args) })),
      })),
    }));
    return JSON.stringify([found, warnings, errors]) === JSON.stringify([blocks, [], []]);
  });
  fc.assert(property, parameters);
  t.pass('no counterexample');
});

function texts(tokens: readonly Token[]): string[] {
  return tokens.map((token) => token.text);
}
