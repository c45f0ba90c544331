import t from 'tap';
import { rewritePlugin } from '../../../src/plugins/rewrite/index.ts';
import { build, mistakesOf } from '../../support/env.ts';

/** Each rule, and what is said of it behind `Corefile:LINE - plugin/rewrite: `; of lines that are not told, the last. */
const refused: readonly (readonly [rule: string, mistake: string])[] = [
  ['', 'no rule type specified for rewrite'],
  ['stop', 'stop rule must begin with a rule type'],
  ['Continue', 'continue rule must begin with a rule type'],
  ['foo a b', 'invalid rule type "foo"'],
  ['stop nam a b', `invalid rule type "nam"; did you mean 'name'?`],
  ['answer name a b', 'response rewrites must begin with a name rule'],
  ['stop {\n}', 'stop rule must begin with a rule type'],

  ['name a', 'too few arguments for a name rule'],
  [
    'name stop a b',
    "name rule supports only exact, prefix, suffix, substring, and regex name matching, received: stop; write 'rewrite stop name ...'",
  ],
  [
    'name glob a b',
    'name rule supports only exact, prefix, suffix, substring, and regex name matching, received: glob',
  ],
  ['name exact a b c', 'invalid arguments for exact rule'],
  ['name exact a b answer', 'invalid arguments for exact rule'],
  ['name exact a b c d', 'exceeded the number of arguments for a non-answer rule argument for exact rule'],
  ['name prefix a b answer foo', 'invalid type "foo" for answer rule for prefix rule'],
  ['name suffix a b answer auto answer', 'type missing for answer rule for suffix rule'],
  ['name exact a b answer name x', 'name answer rule for exact rule: 2 arguments required'],
  [
    'name exact a b answer value (x y',
    'value answer rule for exact rule: invalid regex matching pattern: (x: missing closing ): `(x`',
  ],
  [
    'name regex (a) {1} answer value b {1}',
    'value answer rule for regex rule: the rewrite regex pattern ({1}) uses more subexpressions than its corresponding matching regex pattern (b)',
  ],
  [
    'name regex (a) {1} answer auto name a b',
    'auto name answer rule cannot be combined with explicit name answer rules',
  ],
  ['name regex (a b', 'invalid regex matching pattern: (a: missing closing ): `(a`'],
  ['name regex (?=a) b', 'invalid regex matching pattern: (?=a): invalid or unsupported Perl syntax: `(?=`'],
  [`name regex ${'a'.repeat(10_001)} b`, 'regex pattern too long: 10001 > 10000'],
  [
    'name regex (a) {0}{1}',
    'the rewrite regex pattern ({0}{1}) uses more subexpressions than its corresponding matching regex pattern ((a))',
  ],
  ['name suffix a b metadata', 'metadata is only supported for regex name rules'],
  ['name regex (a) {2} metadata', 'capture group 2 does not exist in name matching pattern'],
  ['name regex (a) {x} metadata', 'invalid metadata label "x" in name replacement'],
  ['name regex (a) {x/y metadata', 'unclosed placeholder in metadata name replacement'],
  ['name regex (a) x/y} metadata', 'unmatched closing brace in metadata name replacement'],

  ['type A', 'type rules must have exactly two arguments'],
  ['type A B C', 'type rules must have exactly two arguments'],
  ['type A foo', 'invalid type "FOO"'],
  ['type ANY AXFR', 'no other question can become a zone transfer'],
  ['class IN', 'class rules must have exactly two arguments'],
  ['class XX IN', 'invalid class "XX"'],

  ['ttl a', 'too few (1) arguments for a ttl rule'],
  ['ttl a soon', "invalid TTL 'soon' for a ttl rule"],
  ['ttl a -', "invalid TTL '-' for a ttl rule"],
  ['ttl a 30-10', "invalid TTL '30-10' for a ttl rule"],
  ['ttl a 1-2-3', "invalid TTL '1-2-3' for a ttl rule"],
  ['ttl a 4294967296', "invalid TTL '4294967296' for a ttl rule"],
  ['ttl glob a 30', 'ttl rule supports only exact, prefix, suffix, substring, and regex name matching'],
  ['ttl regex (a 30', 'invalid regex pattern in a ttl rule: (a: missing closing ): `(a`'],
  ['ttl exact a 30 40', "Error during parsing: Wrong argument count or unexpected line ending after '40'"],

  ['rcode a NOERROR', 'too few (2) arguments for a rcode rule'],
  ['rcode a FOO NOERROR', "invalid matching RCODE 'FOO' for a rcode rule"],
  ['rcode a NOERROR 24', "invalid replacement RCODE '24' for a rcode rule"],
  ['rcode glob a 0 1', 'rcode rule supports only exact, prefix, suffix, substring, and regex name matching'],
  [`rcode regex ${'a'.repeat(10_001)} 0 1`, 'regex pattern too long in a rcode rule: 10001 > 10000'],

  ['cname a', 'too few (1) arguments for a cname rule'],
  ['cname exact a b c', 'too few (4) arguments for a cname rule'],
  ['cname glob a b', 'unknown cname rewrite type: glob'],
  ['cname regex (a b', 'invalid cname rewrite regex pattern: error parsing regexp: missing closing ): `(a`'],

  ['edns0 local', 'too few arguments for an EDNS0 rule'],
  ['edns0 cookie set', 'invalid rule type "cookie"'],
  ['edns0 local add', 'invalid action: "add"'],
  ['edns0 local set 1', 'EDNS0 local rules require three or four args'],
  ['edns0 local set 1 revert', 'EDNS0 local rules require three or four args'],
  ['edns0 local set x y', 'strconv.ParseUint: parsing "x": invalid syntax'],
  ['edns0 local set 08 y', 'strconv.ParseUint: parsing "08": invalid syntax'],
  ['edns0 local set 65536 y', 'strconv.ParseUint: parsing "65536": value out of range'],
  ['edns0 local set 1 0xzz', "encoding/hex: invalid byte: U+007A 'z'"],
  ['edns0 local set 1 0x123', 'encoding/hex: odd length hex string'],
  ['edns0 local set 1 {foo}', 'unsupported variable name "{foo}"'],
  ['edns0 local unset', 'local unset action requires exactly two arguments'],
  ['edns0 nsid set x', 'EDNS0 NSID rules can accept no more than one arg'],
  ['edns0 nsid unset x', 'nsid unset action requires exactly one argument'],
  ['edns0 subnet set 24', 'EDNS0 subnet rules require three or four args'],
  ['edns0 subnet set 33 56', 'invalid IPv4 bit mask length 33'],
  ['edns0 subnet set 24 129', 'invalid IPv6 bit mask length 129'],
  ['edns0 subnet unset x', 'subnet unset action requires exactly one argument'],
];

t.test('what is refused in a Corefile', async (t) => {
  for (const [rule, mistake] of refused) {
    t.same(mistakesOf(rewritePlugin, `. {\nrewrite ${rule}\n}\n`), [`Corefile:2 - plugin/rewrite: ${mistake}`], rule);
  }
  t.same(
    mistakesOf(rewritePlugin, '. {\nrewrite type A\nrewrite {\nname regex (.*) {1}\ntype ANY A\n}\nrewrite foo\n}\n'),
    [
      'Corefile:2 - plugin/rewrite: type rules must have exactly two arguments',
      'Corefile:5 - plugin/rewrite: exceeded the number of arguments for a non-answer rule argument for regex rule',
      'Corefile:7 - plugin/rewrite: invalid rule type "foo"',
    ],
    'all mistakes, where they are',
  );
  t.same(
    mistakesOf(rewritePlugin, '. {\nrewrite name a b {\n}\n}\n'),
    [
      `Corefile:2 - plugin/rewrite: Error during parsing: Unexpected token '{', expecting argument; 'rewrite' has no block`,
    ],
    'a block beside words',
  );
});

t.test('what is warned of', async (t) => {
  const cases: readonly (readonly [rules: string, warnings: readonly string[]])[] = [
    [
      'name regex a',
      ["2 - plugin/rewrite: 'regex' is taken for the name to be rewritten, since only one word follows"],
    ],
    ['name regex (a) {7}', ['2 - plugin/rewrite: {7} stays as it is; the pattern has 1 groups']],
    [
      'name regex (a) {1}.{test/name}',
      [`2 - plugin/rewrite: {test/name} stays as it is; write 'metadata' behind the new name`],
    ],
    [
      'name regex (a) {1}.{test/name} metadata',
      [
        `2 - plugin/rewrite: the rule never applies as long as this server block has no 'metadata'; add that line to it`,
      ],
    ],
    ['name regex (a) {1}.{test/name} metadata\nmetadata', []],
    [
      'edns0 local set 0xffee {test/name}',
      [
        `2 - plugin/rewrite: {test/name} has no value as long as this server block has no 'metadata'; add that line to it`,
      ],
    ],
    [
      'cname a b\nrewrite name a b',
      [`3 - plugin/rewrite: no query comes to this rule: one before it applies to all; write 'rewrite continue' there`],
    ],
    ['continue cname a b\nrewrite name a b', []],
    ['edns0 nsid append\nrewrite name a b', []],
    ['name a *.b', []],
  ];
  for (const [rules, warnings] of cases) {
    t.same(
      build(rewritePlugin, `. {\nrewrite ${rules}\n}\n`).warnings,
      warnings.map((warning) => `Corefile:${warning}`),
      rules,
    );
  }
});
