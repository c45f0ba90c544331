import t from 'tap';
import { lex } from '../../src/corefile/lexer.ts';
import { mistakeText } from '../../src/corefile/mistake.ts';
import { lines, outline, read, words } from './read.ts';

t.test('words', async (t) => {
  // Expected: `LINE:WORD`, with `^` before the first word of a line and quotes around a quoted one.
  const table: readonly (readonly [text: string, expected: string, why: string])[] = [
    ['', '', 'nothing'],
    ['\u{feff}.:53 {', '^1:.:53 1:{', 'a byte-order mark'],
    ['a\u{feff}', '^1:a\u{feff}', 'a byte-order mark elsewhere is a letter'],
    ['a\r\nb\r\n', '^1:a ^2:b', 'carriage returns'],
    ['a\rb', '^1:ab', 'a carriage return does not divide words'],
    ['\n\n  a\tb\u{a0}c\u{2003}d\u{85}e\vf', '^3:a 3:b 3:c 3:d 3:e 3:f', 'white space of every kind'],
    ['# x\na # b\nc', '^2:a ^3:c', 'comments'],
    ['errors#x y\nz', '^1:errors 1:y ^2:z', 'a comment sign inside a word'],
    ['a#\r\nb', '^1:a ^2:b', 'a comment sign at the end of a word'],
    ['"a # b" c', '^1:"a # b" 1:c', 'a comment sign in quotes'],
    ['"" a', '^1:"" 1:a', 'the empty word'],
    ['"a""b"c', '^1:"a" 1:"b" 1:c', 'a closing quote ends the word'],
    ['a"b c"', '^1:a"b 1:c"', 'a quote inside a word is a letter'],
    [String.raw`"a\"b\\" c\"`, String.raw`^1:"a"b\\" 1:c\"`, 'only a quote can be escaped, and only in quotes'],
    ['"a\nb" c\nd', '^1:"a\nb" 2:c ^3:d', 'a quoted word over two lines'],
    ['a "b\nc', '^1:a 1:"b\nc', 'a quote that is not closed'],
    ['a "', '^1:a', 'a quote at the very end'],
  ];
  for (const [text, expected, why] of table) {
    const found = lex(text, 'Corefile').map(({ text, line, startsLine, kind }) => {
      const word = kind === 'bare' ? text : kind === 'literal' ? `"${text}"` : `"${text}`;
      return `${startsLine ? '^' : ''}${line}:${word}`;
    });
    t.equal(found.join(' '), expected, why);
  }
});

t.test('the words of a directive', async (t) => {
  const { corefile } = read(
    lines(`
    example.org {
        template IN A { # the first
          match "^(?:[^.]+[.])+x[.]$"   second
          answer "{{ .Name }} 60
             IN A 192.0.2.1" third
          }
        log "" . {
        }
    }`),
  );
  const [template, log] = corefile.blocks[0]?.directives ?? [];
  t.strictSame(words(template?.args ?? []), ['IN', 'A']);
  t.strictSame(
    template?.options.map(({ name, line, args }) => [line, name, ...words(args)]),
    [
      [3, 'match', '^(?:[^.]+[.])+x[.]$', 'second'],
      [4, 'answer', '{{ .Name }} 60\n         IN A 192.0.2.1', 'third'],
    ],
  );
  t.equal(
    words(template?.tokens ?? []).join('|'),
    'template|IN|A|{|match|^(?:[^.]+[.])+x[.]$|second|answer|{{ .Name }} 60\n         IN A 192.0.2.1|third|}',
  );
  t.strictSame([log?.line, words(log?.args ?? []), log?.options, log?.brace?.text], [7, ['', '.'], [], '{']);
  t.equal(template?.brace?.line, 2);
});

t.test('environment', async (t) => {
  const environment = { PORT: '1053', EMPTY: '', SPACE: 'a b', BRACE: '{', A: '{$B}', B: '{%C%}', C: 'c', D: '{$A}' };
  const table: readonly (readonly [word: string, expected: string])[] = [
    ['{$PORT}', '1053'],
    ['{%PORT%}', '1053'],
    ['x{$PORT}y{%PORT%}z{$PORT}', 'x1053y1053z1053'],
    ['{$UNSET}', ''],
    ['{$EMPTY}', ''],
    ['{$constructor}', ''],
    ['{$SPACE}', 'a b'],
    ['{$BRACE}', '{'],
    ['"{$PORT}"', '1053'],
    ['{$D}', '{%C%}'],
    ['{$}', '{$}'],
    ['{%%}', '{%%}'],
    ['{$PORT', '{$PORT'],
    ['{$A{$PORT}', ''],
  ];
  for (const [word, expected] of table) {
    const { corefile, errors } = read(`. {\nlog ${word} end\n}`, {}, environment);
    t.strictSame(errors, [], word);
    t.strictSame(words(corefile.blocks[0]?.directives[0]?.args ?? []), [expected, 'end'], word);
  }
  const everywhere = read(
    '{$ZONE}:{$PORT} {\n{$PLUGIN}\nimport {$DIR}/x\n}',
    { '/d/x': '{$PLUGIN} y' },
    { ZONE: 'a.org', PORT: '1', PLUGIN: 'log', DIR: '/d' },
  );
  t.strictSame(everywhere.corefile.blocks.map(outline), ['a.org.:1 | log log'], 'in addresses, directives and imports');

  const endless = [{ X: '{$X}' }, { X: '{$Y}{$Y}', Y: '{$X}' }, { X: 'xxxxxxxx{$Y}', Y: '{$X}{$X}{$X}' }];
  for (const environment of endless) {
    t.strictSame(read('. {\nlog a{$X}\n}', {}, environment).errors.map(mistakeText), [
      `Corefile:2 - Error during parsing: the environment variables in 'a{$X}' refer to each other without end`,
    ]);
  }
});

t.test('imports', async (t) => {
  const { corefile, warnings, errors } = read(
    lines(`
    (common) {
        errors
        import more
    }
    (more) { log
        cache {
            import /etc/coredns/options/*
        }
    }
    import sites/?.server
    . {
        import common
        forward . 192.0.2.1 {
            import ../policy
        }
        import custom/*.override
    }`),
    {
      '/etc/coredns/options/b': 'denial 1',
      '/etc/coredns/options/.a': 'success 1\n# end',
      '/etc/coredns/sites/b.server': 'b.org {\n  import local/one\n}',
      '/etc/coredns/sites/a.server': '\u{feff}a.org {\n}',
      '/etc/coredns/sites/ab.server': 'ab.org {\n}',
      '/etc/coredns/sites/local/one': 'whoami\nimport common',
      '/etc/policy': 'policy sequential\nmax_fails 1',
    },
  );
  t.strictSame(errors.map(mistakeText), []);
  t.strictSame(corefile.blocks.map(outline), [
    'a.org.:53 | ',
    'b.org.:53 | whoami errors log cache{2}',
    '.:53 | errors log cache{2} forward{2}',
  ]);
  const [, b, root] = corefile.blocks;
  const cache = root?.directives[2];
  t.strictSame(
    cache?.options.map(({ name }) => name),
    ['success', 'denial'],
    'hidden names match, in lexical order',
  );
  t.strictSame([cache?.file, cache?.line, cache?.options[1]?.file], ['Corefile', 6, '/etc/coredns/options/b']);
  t.strictSame(
    [b?.file, b?.line, b?.directives[0]?.file],
    ['/etc/coredns/sites/b.server', 1, '/etc/coredns/sites/local/one'],
  );
  t.strictSame(warnings.map(mistakeText), ['Corefile:16 - No files matching import glob pattern: custom/*.override']);
});

t.test('imports without end', async (t) => {
  const doubling = (last: string): string =>
    Array.from(
      { length: 40 },
      (_, n) => `(s${n}) {\n${n === 0 ? last : `import s${n - 1}\nimport s${n - 1}`}\n}\n`,
    ).join('');
  const empty = read(`${doubling('')}. {\nimport s39\n}`);
  t.strictSame(
    empty.errors.map(({ message }) => message),
    ['Error during parsing: maximum snippet import depth (10000) exceeded'],
  );
  const long = read(`${doubling('log x '.repeat(1000))}. {\nimport s39\n}`);
  t.strictSame(
    long.errors.map(({ message }) => message),
    ['Error during parsing: the imports make the Corefile longer than 500000 words'],
  );
  t.strictSame([long.corefile.blocks, long.fingerprint], [[], undefined]);
  const deep = Array.from({ length: 9000 }, (_, n) => `(s${n}) {\n${n === 0 ? 'log' : `import s${n - 1}`}\n}\n`).join(
    '',
  );
  t.strictSame(read(`${deep}. {\nimport s8999\n}`).corefile.blocks.map(outline), ['.:53 | log'], 'depth is no danger');
});
