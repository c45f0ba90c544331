import t from 'tap';
import { parseCommandLine, type CommandLine, type ServeCommand } from '../../src/cli/flags.ts';
import { version, versionBanner } from '../../src/cli/version.ts';

/** As a person types it: words divided by blanks. */
function parse(line: string): CommandLine {
  return parseCommandLine(line === '' ? [] : line.split(' '));
}

const defaults: ServeCommand = {
  command: 'serve',
  corefile: { from: 'default' },
  port: 53,
  pidFile: undefined,
  logFormat: 'text',
  quiet: false,
};

t.test('what is understood', async (t) => {
  const corefile = { from: 'file', path: '/etc/coredns/Corefile' } as const;
  const table: readonly (readonly [line: string, expected: CommandLine])[] = [
    ['', defaults],
    ['serve', defaults],
    ['-conf /etc/coredns/Corefile', { ...defaults, corefile }],
    ['serve -conf /etc/coredns/Corefile', { ...defaults, corefile }],
    ['--conf /etc/coredns/Corefile', { ...defaults, corefile }],
    ['-conf=/etc/coredns/Corefile', { ...defaults, corefile }],
    ['--conf=/etc/coredns/Corefile', { ...defaults, corefile }],
    ['-conf=a=b', { ...defaults, corefile: { from: 'file', path: 'a=b' } }],
    ['-conf -quiet', { ...defaults, corefile: { from: 'file', path: '-quiet' } }],
    ['-conf stdin', { ...defaults, corefile: { from: 'stdin' } }],
    ['-dns.port 1053', { ...defaults, port: 1053 }],
    ['-p=1053', { ...defaults, port: 1053 }],
    ['-p 1 -dns.port 2', { ...defaults, port: 2 }],
    ['-p 0', { ...defaults, port: 0 }],
    ['-pidfile /run/portolan.pid', { ...defaults, pidFile: '/run/portolan.pid' }],
    ['-pidfile x -pidfile= -conf=', defaults],
    ['-quiet', { ...defaults, quiet: true }],
    ['-quiet=T -log-format json', { ...defaults, quiet: true, logFormat: 'json' }],
    ['-quiet -quiet=false', defaults],
    ['-log-format=text', defaults],
    ['-quiet --', { ...defaults, quiet: true }],
    ['-plugins', { command: 'plugins' }],
    ['-plugins=0', defaults],
    ['-version', { command: 'version' }],
    ['-plugins -version', { command: 'version' }],
    ['version', { command: 'version' }],
    ['dev', { command: 'dev', files: [], port: undefined }],
    ['dev -f a.yaml --f=b -p 1053', { command: 'dev', files: ['a.yaml', 'b'], port: 1053 }],
    ['dev -f=', { command: 'dev', files: [], port: undefined }],
    ['check', { command: 'check', files: ['Corefile'] }],
    ['check a b', { command: 'check', files: ['a', 'b'] }],
    ['check -- -a', { command: 'check', files: ['-a'] }],
  ];
  for (const [line, expected] of table) t.strictSame(parse(line), expected, `portolan ${line}`);
});

t.test('what is refused', async (t) => {
  const table: readonly (readonly [line: string, exitCode: 1 | 2, text: string])[] = [
    ['-x', 2, 'flag provided but not defined: -x'],
    ['--config Corefile', 2, 'flag provided but not defined: -config\nDid you mean -conf?'],
    ['-port 53', 2, 'flag provided but not defined: -port\nDid you mean -dns.port?'],
    ['-verison', 2, 'flag provided but not defined: -verison\nDid you mean -version?'],
    ['-log_format=json', 2, 'flag provided but not defined: -log_format\nDid you mean -log-format?'],
    ['-constructor', 2, 'flag provided but not defined: -constructor'],
    ['dev -conf x', 2, 'flag provided but not defined: -conf'],
    ['-conf', 2, 'flag needs an argument: -conf'],
    ['---conf x', 2, 'bad flag syntax: ---conf'],
    ['-=x', 2, 'bad flag syntax: -=x'],
    ['-p dns', 2, 'invalid value "dns" for flag -p: must be a port, 0 to 65535'],
    ['-dns.port=65536', 2, 'invalid value "65536" for flag -dns.port: must be a port, 0 to 65535'],
    ['-p -1', 2, 'invalid value "-1" for flag -p: must be a port, 0 to 65535'],
    ['-quiet=yes', 2, 'invalid value "yes" for flag -quiet: must be true or false'],
    ['-log-format xml', 2, 'invalid value "xml" for flag -log-format: must be text or json'],
    ['-p dns -x', 2, 'invalid value "dns" for flag -p: must be a port, 0 to 65535'],
    ['x', 1, 'extra command line arguments: [x]'],
    ['-quiet x -y', 1, 'extra command line arguments: [x -y]'],
    ['-quiet false', 1, 'extra command line arguments: [false]'],
    ['-version x', 1, 'extra command line arguments: [x]'],
    ['-', 1, 'extra command line arguments: [-]'],
    ['-- -quiet', 1, 'extra command line arguments: [-quiet]'],
    ['dev cluster.yaml', 1, 'extra command line arguments: [cluster.yaml]'],
    [
      'chekc',
      1,
      'extra command line arguments: [chekc]\nDid you mean the command check? It is the first word, before any flag.',
    ],
    [
      '-p 1053 dev',
      1,
      'extra command line arguments: [dev]\nDid you mean the command dev? It is the first word, before any flag.',
    ],
  ];
  for (const [line, exitCode, text] of table) {
    const parsed = parse(line);
    t.match(parsed, { command: 'error', exitCode, text }, `portolan ${line}`);
    t.equal('text' in parsed && parsed.text, text);
    t.equal(
      'usage' in parsed && parsed.usage !== '',
      exitCode === 2,
      'usage is told with a wrong flag, not with a wrong word',
    );
  }
});

t.test('help names each command and flag', async (t) => {
  for (const line of ['-h', '-help', '--help', 'help', 'dev -h', 'check --help', '-p 1 -h']) {
    const help = parse(line);
    t.equal(help.command, 'help', `portolan ${line}`);
    if (help.command !== 'help') continue;
    for (const word of ['serve', 'dev', 'check', 'version'])
      t.match(help.usage, new RegExp(`^  portolan \\[?${word}\\b`, 'm'));
    for (const flag of ['conf', 'dns.port', 'pidfile', 'log-format', 'quiet', 'plugins', 'version', 'help', 'f', 'p']) {
      t.match(help.usage, new RegExp(`[ ]-${flag.replace('.', '\\.')}\\b`));
    }
    t.ok(
      help.usage.split('\n').every((row) => row.length <= 80),
      'fits a terminal',
    );
  }
});

t.test('the version is two lines in the shape of the reference', async (t) => {
  t.match(version, /^\d+\.\d+\.\d+$/);
  t.equal(
    versionBanner({ platform: 'linux', arch: 'x64', version: 'v26.10.0' }),
    `Portolan-${version}\nlinux/x64, node v26.10.0`,
  );
  t.equal(versionBanner(), `Portolan-${version}\n${process.platform}/${process.arch}, node ${process.version}`);
});
