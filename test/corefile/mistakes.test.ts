import t, { type Test } from 'tap';
import { mistakeText } from '../../src/corefile/mistake.ts';
import { lines, outline, read, type Texts } from './read.ts';

/** Texts of files beside the Corefile, and every error of reading it. */
interface Failure {
  readonly why: string;
  readonly text: string;
  readonly texts?: Texts;
  readonly errors: readonly string[];
  readonly warnings?: readonly string[];
  /** The outlines of the blocks that are left. */
  readonly blocks?: readonly string[];
}

function checkFailures(t: Test, failures: readonly Failure[]): void {
  for (const { why, text, texts = {}, errors, warnings, blocks } of failures) {
    const reading = read(lines(text), texts);
    t.strictSame(reading.errors.map(mistakeText), errors, why);
    if (warnings !== undefined) t.strictSame(reading.warnings.map(mistakeText), warnings, `${why}: warnings`);
    if (blocks !== undefined) t.strictSame(reading.corefile.blocks.map(outline), blocks, `${why}: blocks`);
  }
}

t.test('all mistakes at once, and no others', async (t) => {
  const missing = (line: number): string => `a '}' is missing for the block that opens at Corefile:${line}`;
  const close = `Error during parsing: Unexpected '}' because no matching opening brace; a brace that closes a server block stands on a line of its own`;
  checkFailures(t, [
    {
      why: 'mistakes of every kind in one file',
      text: `
    .:99999 {
        errrors
        forward . 192.0.2.1 {
            policy { random }
            except { a.org }
        }
        proxy . 192.0.2.1
    }
    a..org b.org, {
        etcd
        cache
    }
    b.org {
        whoami
    }`,
      errors: [
        `Corefile:1 - address 99999: invalid port; a port is 0 to 65535`,
        `Corefile:2 - Error during parsing: Unknown directive 'errrors'; did you mean 'errors'?`,
        `Corefile:4 - Error during parsing: Unexpected token '{', expecting argument; a plugin's block holds no others, or else ${missing(3)}`,
        `Corefile:7 - Error during parsing: Unknown directive 'proxy'; CoreDNS removed it; write 'forward FROM TO...' instead, with 'force_tcp' for 'protocol dns force_tcp'`,
        `Corefile:9 - Error during parsing: Expected another address but had '{' - check for extra comma`,
        `Corefile:9 - error inspecting server blocks: zone is not a valid domain name: a..org`,
        `Corefile:10 - Error during parsing: Unknown directive 'etcd'; CoreDNS has this plugin, Portolan does not: it serves the cluster, files and resolvers, not the data of other systems; delete it`,
        `Corefile:13 - cannot serve dns://b.org.:53 - it is already defined; see Corefile:9`,
      ],
    },
    {
      why: 'a server block that is not closed before the next one',
      text: `
    . {
        errors
        cache 30
    a.org:1053 {
        whoami
    }`,
      errors: [`Corefile:4 - Error during parsing: Unknown directive 'a.org:1053'; ${missing(1)}`],
      blocks: ['a.org.:1053 | whoami'],
    },
    {
      why: 'a plugin block that is not closed before the next server block',
      text: `
    . {
        hosts {
            192.0.2.1 a
        errors
    }
    a.org
    {
        whoami
    }`,
      errors: [`Corefile:6 - Error during parsing: Unknown directive 'a.org'; ${missing(1)}`],
      blocks: ['a.org.:53 | whoami'],
    },
    {
      why: 'a plugin block that is not closed at the end',
      text: `
    . {
        hosts {
            192.0.2.1 a`,
      errors: [`Corefile:3 - Error during parsing: Unexpected EOF; ${missing(2)}`],
      blocks: [],
    },
    {
      why: 'a block inside a plugin block, not closed',
      text: `
    . {
        hosts {
            cache {
                success 1`,
      errors: [
        `Corefile:3 - Error during parsing: Unexpected token '{', expecting argument; a plugin's block holds no others, or else ${missing(2)}`,
      ],
      blocks: [],
    },
    {
      why: 'a quote that is not closed',
      text: `
    . {
        errors {
            consolidate 5m ".*
        }
    }`,
      errors: [`Corefile:3 - Error during parsing: Unexpected EOF; the quote that opens on line 3 is not closed`],
    },
    {
      why: 'braces that share a line with others',
      text: `
    . {
        health {
            lameduck 5s } }
    a.org {
        cache {
        } 30 { x }
        log
    }`,
      errors: [
        `Corefile:3 - ${close}`,
        `Corefile:6 - Error during parsing: Wrong argument count or unexpected line ending after '30'; a new line must begin after the '}'`,
      ],
      blocks: ['.:53 | health{1}', 'a.org.:53 | cache{0} log'],
    },
    {
      why: 'braces without a space before them',
      text: `
    . {
        health{
            lameduck 5s
        }
        cache 30{
            success 10
        }
        log
    }
    a.org{
        errors
    }`,
      errors: [
        `Corefile:2 - Error during parsing: Unknown directive 'health{'; did you mean 'health'?`,
        `Corefile:5 - Error during parsing: Unexpected token '30{'; put a space before the '{'`,
      ],
      blocks: ['.:53 | log', 'a.org{.:53 | errors'],
    },
    {
      why: 'a server block that looks like a directive',
      text: `
    . {
        errors
    consul {
        cache {
            success 10
        }
        forward . 192.0.2.1 {
            max_fails 1
        }
    }`,
      errors: [`Corefile:3 - Error during parsing: Unknown directive 'consul'`],
      warnings: [`Corefile:10 - ${missing(1)}`],
      blocks: ['.:53 | errors'],
    },
    {
      why: 'a block that belongs to no directive',
      text: `
    . {
        {
            errors {
            }
        }
        log
    }`,
      errors: [`Corefile:2 - Error during parsing: Unknown directive '{'; it must stand on the line of its directive`],
      blocks: ['.:53 | log'],
    },
    {
      why: 'a closing brace between blocks',
      text: `
    . {
        errors
    }
    }
    a.org {
        log
    }`,
      errors: [`Corefile:4 - ${close}`],
      blocks: ['.:53 | errors', 'a.org.:53 | log'],
    },
    {
      why: 'a block without braces before another one',
      text: `
    .
    errors
    a.org {
        log
    }`,
      errors: [
        `Corefile:3 - Error during parsing: Unknown directive 'a.org'; a server block without braces reaches to the end of the file: put braces around it`,
      ],
      blocks: ['.:53 | errors', 'a.org.:53 | log'],
    },
    {
      why: 'a comma at the end of the file',
      text: 'a.org, b.org,',
      errors: [`Corefile:1 - Error during parsing: Unexpected EOF; an address must follow the comma`],
    },
  ]);
});

t.test('what the reference misreads without a word is read as it was meant, with a warning', async (t) => {
  checkFailures(t, [
    {
      why: 'braces in odd places',
      text: `
    . {
        log
        {
            class error
        }
        health { lameduck 5s }
        errors { }
    }
    ready
    cache 30
    }
    "" {
        log
    }
    }`,
      errors: [],
      warnings: [
        `Corefile:3 - CoreDNS does not take this for the block of 'log'; put it on the same line`,
        `Corefile:6 - CoreDNS takes this '}' for an argument; put it on a line of its own`,
        `Corefile:9 - 'ready' is read as the address of a server block without braces; if it is meant as a directive, there is a '}' too many above`,
        `Corefile:12 - a server block without an address is ignored`,
        `Corefile:15 - a '}' too many, which is ignored`,
      ],
      blocks: ['.:53 | log{1} health{1} errors{0}', 'ready.:53 | cache'],
    },
    {
      why: 'a closing brace that is missing at the very end',
      text: `
    . {
        cache {
        }`,
      errors: [],
      warnings: [`Corefile:3 - a '}' is missing for the block that opens at Corefile:1`],
      blocks: ['.:53 | cache{0}'],
    },
  ]);
});

t.test('addresses in conflict', async (t) => {
  const conflict = read('. {\n}\na. tls://. .:53 . {\n}\n10.0.0.0/22 {\n}\n10.0.0.0/23 {\n}');
  t.strictSame(conflict.errors.map(mistakeText), [
    'Corefile:3 - cannot serve dns://.:53 - it is already defined; see Corefile:1',
    'Corefile:7 - cannot serve dns://0.0.10.in-addr.arpa.:53 - it is already defined; see Corefile:5',
  ]);
  const undecided = read('. {\nbind 127.0.0.1\n}\n. {\nbind ::1\n}\n. {\nview a {\nexpr true\n}\n}\n. {\n}');
  t.strictSame(undecided.errors, [], 'blocks with bind or view are judged when these are read');
  const refused = read('. {\nbind { {\n}\n}\n}\n. {\n}');
  t.equal(refused.errors.length, 1, 'also when bind itself is refused');
});

t.test('imports that fail', async (t) => {
  checkFailures(t, [
    {
      why: 'each import is told of once and left out',
      text: `
    (defaults) {
        errors
    }
    . {
        import defualts
        import
        import ""
        import a b
        import dir
        import secret
        import a.pipe
        import [ab].conf
        log
    }`,
      texts: { '/etc/coredns/dir/x': '', '/etc/coredns/secret': undefined, '/etc/coredns/a.pipe': '' },
      errors: [
        `Corefile:5 - Error during parsing: File to import not found: defualts; did you mean 'defaults'?`,
        `Corefile:6 - Error during parsing: Wrong argument count or unexpected line ending after 'import'`,
        `Corefile:7 - Error during parsing: Import requires a non-empty filepath`,
        `Corefile:8 - Error during parsing: Import takes only one argument (glob pattern or file)`,
        `Corefile:9 - Error during parsing: Could not import /etc/coredns/dir: is a directory`,
        `Corefile:10 - Error during parsing: Could not import /etc/coredns/secret: EACCES: permission denied, open '/etc/coredns/secret'`,
        `Corefile:11 - Error during parsing: Could not import /etc/coredns/a.pipe: is not a regular file`,
        `Corefile:12 - Error during parsing: Glob pattern may only contain one wildcard (*), but has others: /etc/coredns/[ab].conf`,
      ],
      blocks: ['.:53 | log'],
    },
    {
      why: 'the braces of a failed line stay',
      text: `
    . { import x y }
    a.org {
        whoami
    }`,
      errors: [`Corefile:1 - Error during parsing: Import takes only one argument (glob pattern or file)`],
      blocks: ['.:53 | ', 'a.org.:53 | whoami'],
    },
    {
      why: 'files that import each other',
      text: `
    . {
        import x
        log
    }`,
      texts: {
        '/etc/coredns/x': 'errors\nimport y',
        '/etc/coredns/y': 'whoami\n\nimport x\nimport Corefile',
        '/etc/coredns/Corefile': '',
      },
      errors: [
        `/etc/coredns/y:3 - Error during parsing: maximum file import depth (10000) exceeded; /etc/coredns/x imports itself`,
        `/etc/coredns/y:4 - Error during parsing: maximum file import depth (10000) exceeded; /etc/coredns/Corefile imports itself`,
      ],
      blocks: ['.:53 | errors whoami log'],
    },
    {
      why: 'snippets that import each other, told of once although used twice',
      text: `
    (a) {
        import b
        errors
    }
    (b) {
        import a
    }
    . {
        import a
    }
    a.org {
        import a
    }`,
      errors: [`Corefile:6 - Error during parsing: maximum snippet import depth (10000) exceeded; (a) imports itself`],
      blocks: ['.:53 | errors', 'a.org.:53 | errors'],
    },
    {
      why: 'a snippet that is not closed',
      text: `
    . {
        errors
    }
    (a) {
        log
    b.org {
        whoami
    }`,
      errors: [
        `Corefile:8 - Syntax error: Unexpected token '}', expecting '}'; the snippet 'a' that opens on line 4 is not closed`,
      ],
    },
    {
      why: 'a snippet without braces',
      text: `
    (a)
    errors`,
      errors: [`Corefile:2 - Syntax error: Unexpected token 'errors', expecting '{'`],
    },
  ]);
});
