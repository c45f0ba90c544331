import t from 'tap';
import { Pattern, PatternError } from '../../src/corefile/pattern.ts';

const none = undefined;

/** What Go 1.26 finds. */
const found: readonly (readonly [pattern: string, text: string, groups: readonly string[] | undefined])[] = [
  [String.raw`(.*)\.apps\.test`, 'web.apps.test.', ['web.apps.test', 'web']],
  [String.raw`(.*)\.apps\.test`, 'web.apps.example.', none],
  [String.raw`^([^.]+)\.([^.]+)\.svc\.`, 'web.shop.svc.corp.test.', ['web.shop.svc.', 'web', 'shop']],
  ['(a|ab)(c|bcd)(d*)', 'abcd', ['abcd', 'a', 'bcd', '']],
  ['(a+)(b+)?', 'xaab', ['aab', 'aa', 'b']],
  ['(a+)(b+)?', 'xaa', ['aa', 'aa', '']],
  ['(?:(a)|b)*', 'ab', ['ab', 'a']],
  ['((a)|(b))*', 'ab', ['ab', 'b', 'a', 'b']],
  ['(a*)*', 'b', ['', '']],
  ['(a|b)*?c', 'abc', ['abc', 'b']],
  ['a{2,3}', 'aaaa', ['aaa']],
  ['a{2,3}?', 'aaaa', ['aa']],
  ['(?U)a{2,3}', 'aaaa', ['aa']],
  ['(?U)a+?', 'aaa', ['aaa']],
  ['a{,2}', 'a{,2}', ['a{,2}']],
  ['x*', 'aax', ['']],
  ['', 'abc', ['']],
  ['a||b', 'b', ['']],
  ['()', 'a', ['', '']],
  ['^a|b$', 'cb', ['b']],
  ['^$', 'a', none],
  [String.raw`\Aweb\z`, 'web', ['web']],
  [String.raw`\Aweb\z`, 'web.', none],
  [String.raw`\bb\b`, 'a.b.c', ['b']],
  [String.raw`\Bb`, 'ab', ['b']],
  [String.raw`\bb`, 'ab', none],
  ['[]a]+', 'a]', ['a]']],
  ['[^]a]+', 'a]b', ['b']],
  ['[a-]+', '-a-', ['-a-']],
  [String.raw`[a\-z]+`, 'b-z', ['-z']],
  ['[[:alpha:]]+', '1ab2', ['ab']],
  ['[[:^alpha:]]+', 'a12b', ['12']],
  [String.raw`[\d.]+`, 'a1.2b', ['1.2']],
  [String.raw`[^\D]+`, 'a12', ['12']],
  [String.raw`\d+\D`, '12a', ['12a']],
  [String.raw`\w+`, '--a_1', ['a_1']],
  [String.raw`\W`, 'a-', ['-']],
  [String.raw`\s`, 'a b', [' ']],
  [String.raw`\S+`, ' ab ', ['ab']],
  ['(?i)WEB', 'web', ['web']],
  ['(?i:W)eb', 'web', ['web']],
  ['(?i:W)EB', 'web', none],
  ['W(?i)EB', 'Web', ['Web']],
  ['(?i)[^w]', 'W', none],
  ['(?i)w(?-i)eB', 'WeB', ['WeB']],
  ['(?i)a|B', 'b', ['b']],
  ['(a(?i)b)c', 'aBc', ['aBc', 'aB']],
  ['(a(?i)b)c', 'aBC', none],
  [String.raw`(?P<service>[a-z]+)\.(?<zone>[a-z]+)`, 'web.corp', ['web.corp', 'web', 'corp']],
  [String.raw`\Qa.b\E+`, 'a.bb', ['a.bb']],
  [String.raw`\Qa.b`, 'axb', none],
  [String.raw`\x61\x{62}\143`, 'abc', ['abc']],
  [String.raw`\.\-\_\/`, '.-_/', ['.-_/']],
  [String.raw`\pL\p{Lu}\PN`, 'aB.', ['aB.']],
  [String.raw`\p{Greek}`, 'a', none],
  [String.raw`[\p{Ll}1]+`, 'a1B', ['a1']],
  ['é', 'e', none],
  ['[é]*a', 'a', ['a']],
  ['.', '\\', ['\\']],
  ['a.c', 'a.c', ['a.c']],
  ['a{0}b', 'ab', ['b']],
  ['(a){0}b', 'ab', ['b', '']],
  ['(a){2}', 'aa', ['aa', 'a']],
  ['(?:a?){3}a{3}', 'aaa', ['aaa']],
  ['(|a)*', 'aa', ['', '']],
  ['(a|)+', 'aa', ['aa', 'a']],
  ['(a*)+', 'b', ['', '']],
  ['(a*|b)+', 'bb', ['', '']],
  ['(?s).(?-s).', 'ab', ['ab']],
];

t.test('what a pattern matches, and its groups', async (t) => {
  for (const [text, subject, groups] of found) {
    const pattern = new Pattern(text);
    t.same(pattern.find(subject), groups, `${text} in ${subject}`);
    t.equal(pattern.matches(subject), groups !== undefined, `${text} in ${subject}, yes or no`);
  }
});

t.test('letter case, where it makes no difference', async (t) => {
  const pattern = new Pattern(String.raw`(\w+)\.Corp[^x]`, { ignoreCase: true });
  t.same(pattern.find('Web.CORP.'), ['Web.CORP.', 'Web']);
  t.equal(pattern.find('web.corpX'), undefined);
  t.equal(pattern.groups, 1);
});

/** What Go 1.26 says of them, nearly to the letter. */
const refused: readonly (readonly [pattern: string, message: string])[] = [
  ['(a', 'missing closing ): `(a`'],
  ['a)', 'unexpected ): `a)`'],
  ['[a', 'missing closing ]: `[a`'],
  ['[]', 'missing closing ]: `[]`'],
  ['[z-a]', 'invalid character class range: `z-a`'],
  ['[[:foo:]]', 'invalid character class range: `[:foo:]`'],
  ['a**', 'invalid nested repetition operator: `**`'],
  ['a{2}{3}', 'invalid nested repetition operator: `{2}{3}`'],
  ['|*', 'missing argument to repetition operator: `*`'],
  ['a{1001}', 'invalid repeat count: `{1001}`'],
  ['a{2,1}', 'invalid repeat count: `{2,1}`'],
  ['a\\', 'trailing backslash at end of expression'],
  [String.raw`\q`, 'invalid escape sequence: `\\q`'],
  [String.raw`(a)\1`, 'invalid escape sequence: `\\1`'],
  [String.raw`\x{}`, 'invalid escape sequence: `\\x{}`'],
  [String.raw`\x{110000}`, 'invalid escape sequence: `\\x{110000`'],
  [String.raw`\p{Foo}`, 'invalid character class range: `\\p{Foo}`'],
  ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
  ['(?!a)', 'invalid or unsupported Perl syntax: `(?!`'],
  ['(?<=a)', 'invalid named capture: `(?<=a)`'],
  ['(?P<a-b>c)', 'invalid named capture: `(?P<a-b>`'],
  ['(?i', 'invalid or unsupported Perl syntax: `(?i`'],
];

t.test('patterns that are none', async (t) => {
  for (const [text, message] of refused) {
    t.throws(() => new Pattern(text), new PatternError(message), text);
  }
});

t.test('no pattern and no text keep it busy', async (t) => {
  const label = 'a'.repeat(63);
  const name = `${label}.${label}.${label}.${'a'.repeat(61)}.`;
  const cases: readonly (readonly [pattern: string, text: string, isFound: boolean])[] = [
    ['(a+)+$', name, false],
    ['(a|aa)*b', name, false],
    ['(a*)*(a*)*(a*)*b', name, false],
    ['^(([a-z])+.)+[A-Z]([a-z])+$', name, false],
    ['(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x$', name, false],
    ['(a?){63}a{63}', name, true],
    ['(x+x+)+y', 'x'.repeat(255), false],
    [String.raw`(.*)\b(.*)\b(.*)\bz`, name, false],
  ];
  for (const [text, subject, isFound] of cases) {
    const pattern = new Pattern(text);
    t.equal(pattern.matches(subject), isFound, text);
    t.equal(pattern.find(subject) !== undefined, isFound, text);
  }
});
