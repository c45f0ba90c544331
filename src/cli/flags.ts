/**
 * The command line: arguments in, one value out. Reads nothing, prints nothing, ends nothing.
 *
 *     portolan [serve] -conf Corefile -p 5353     the reference's flags
 *     portolan dev -f cluster.yaml
 *     portolan check Corefile
 *     portolan version
 *
 * The first word chooses the command; without one it is `serve`, so that the arguments of every existing manifest
 * (`-conf /etc/coredns/Corefile`) work as they stand. The syntax is that of Go's `flag` package: one dash or two,
 * `-name=value` or `-name value`, switches alone or as `-name=false`; `--` or the first other word ends the flags. An empty
 * file name is as none.
 */

/** By default it is `./Corefile` if there is one, else the built-in configuration. */
import { nearest } from '../corefile/nearest.ts';

export type CorefileSource =
  | { readonly from: 'default' }
  | { readonly from: 'stdin' }
  | { readonly from: 'file'; readonly path: string };

export interface ServeCommand {
  readonly command: 'serve';
  readonly corefile: CorefileSource;
  /** The port of server blocks that name none: 0 (the system chooses) to 65535, by default 53. */
  readonly port: number;
  readonly pidFile: string | undefined;
  readonly logFormat: 'text' | 'json';
  /** Neither zones nor version are printed at the start. */
  readonly quiet: boolean;
}

export interface DevCommand {
  readonly command: 'dev';
  /** YAML files or folders of Kubernetes objects; none means the built-in cluster. */
  readonly files: readonly string[];
  /** The port for DNS, 0 to 65535, where one was asked for. */
  readonly port: number | undefined;
}

export interface CommandLineError {
  readonly command: 'error';
  /** For standard error, without a final newline. */
  readonly text: string;
  /** To be printed after the text, unless empty. */
  readonly usage: string;
  readonly exitCode: 1 | 2;
}

export type CommandLine =
  | ServeCommand
  | DevCommand
  /** `files`: paths of Corefiles, at least one. */
  | { readonly command: 'check'; readonly files: readonly string[] }
  | { readonly command: 'version' }
  | { readonly command: 'plugins' }
  | { readonly command: 'help'; readonly usage: string }
  | CommandLineError;

const DNS_PORT = 53;

const USAGE = `Portolan answers the DNS of a Kubernetes cluster, as a CoreDNS Corefile says.

  portolan [serve] [flags]    serve DNS
  portolan dev [flags]        serve a small cluster of its own, for trying out
  portolan check [FILE ...]   say what is wrong in Corefiles; starts nothing
                              (default ./Corefile)
  portolan version            print the version

Flags of serve:
  -conf FILE                  the Corefile; "stdin" reads standard input
                              (default ./Corefile, or else a built-in one)
  -dns.port N, -p N           the port of server blocks that name none (${DNS_PORT})
  -pidfile FILE               write the process id to FILE
  -log-format text|json       lines as CoreDNS writes them, or one JSON object
                              a line (default text)
  -quiet                      print neither zones nor version at the start
  -plugins                    print the names of the plugins
  -version                    print the version
  -help, -h                   print this

Flags of dev:
  -f PATH                     Kubernetes objects in YAML, a file or a folder;
                              may be repeated (default a built-in cluster)
  -p N                        the port for DNS
`;

type Parse = (args: readonly string[]) => CommandLine;

const COMMANDS: ReadonlyMap<string, Parse> = new Map([
  ['serve', parseServe],
  ['dev', parseDev],
  ['check', parseCheck],
  ['version', parseVersion],
  ['help', () => HELP],
]);

const HELP: CommandLine = { command: 'help', usage: USAGE };

/** Reads the arguments that follow the program's name. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const parse = COMMANDS.get(args[0] ?? '');
  return parse === undefined ? parseServe(args) : parse(args.slice(1));
}

function parseServe(args: readonly string[]): CommandLine {
  let serve: ServeCommand = {
    command: 'serve',
    corefile: { from: 'default' },
    port: DNS_PORT,
    pidFile: undefined,
    logFormat: 'text',
    quiet: false,
  };
  const asked = { plugins: false, version: false };
  const port = flag(PORT, (port) => (serve = { ...serve, port }));
  const flags: Flags = {
    conf: flag(COREFILE, (corefile) => (serve = { ...serve, corefile })),
    'dns.port': port,
    p: port,
    pidfile: flag(TEXT, (path) => (serve = { ...serve, pidFile: path === '' ? undefined : path })),
    'log-format': flag(LOG_FORMAT, (logFormat) => (serve = { ...serve, logFormat })),
    quiet: flag(SWITCH, (quiet) => (serve = { ...serve, quiet })),
    plugins: flag(SWITCH, (on) => (asked.plugins = on)),
    version: flag(SWITCH, (on) => (asked.version = on)),
  };
  return withoutWords(args, flags, () => {
    if (asked.version) return { command: 'version' };
    if (asked.plugins) return { command: 'plugins' };
    return serve;
  });
}

function parseDev(args: readonly string[]): CommandLine {
  const files: string[] = [];
  let dev: DevCommand = { command: 'dev', files, port: undefined };
  const flags: Flags = {
    f: flag(TEXT, (path) => files.push(...(path === '' ? [] : [path]))),
    p: flag(PORT, (port) => (dev = { ...dev, port })),
  };
  return withoutWords(args, flags, () => dev);
}

function parseCheck(args: readonly string[]): CommandLine {
  return withWords(args, {}, (words) => ({ command: 'check', files: words.length > 0 ? words : ['Corefile'] }));
}

function parseVersion(args: readonly string[]): CommandLine {
  return withoutWords(args, {}, () => ({ command: 'version' }));
}

/** What a flag may be set to. */
interface Kind<Value> {
  /** Whether the flag may stand alone, which means `true`. */
  readonly isSwitch: boolean;
  readonly expected: string;
  /** The value, or undefined where the text is not one. */
  readonly read: (text: string) => Value | undefined;
}

const TEXT: Kind<string> = { isSwitch: false, expected: 'a text', read: (text) => text };

const COREFILE: Kind<CorefileSource> = {
  isSwitch: false,
  expected: 'a file',
  read: (text) => {
    if (text === 'stdin') return { from: 'stdin' };
    return text === '' ? { from: 'default' } : { from: 'file', path: text };
  },
};

const PORT: Kind<number> = {
  isSwitch: false,
  expected: 'a port, 0 to 65535',
  read: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined),
};

const LOG_FORMAT: Kind<'text' | 'json'> = {
  isSwitch: false,
  expected: 'text or json',
  read: (text) => (text === 'text' || text === 'json' ? text : undefined),
};

const SWITCH_VALUES: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
]);

const SWITCH: Kind<boolean> = {
  isSwitch: true,
  expected: 'true or false',
  read: (text) => SWITCH_VALUES.get(text),
};

interface Flag {
  readonly isSwitch: boolean;
  /** Uses the value; returns what is wrong with it, if anything. */
  readonly take: (text: string) => string | undefined;
}

type Flags = Readonly<Record<string, Flag>>;

function flag<Value>(kind: Kind<Value>, use: (value: Value) => void): Flag {
  return {
    isSwitch: kind.isSwitch,
    take(text) {
      const value = kind.read(text);
      if (value === undefined) return `must be ${kind.expected}`;
      use(value);
      return undefined;
    },
  };
}

function withoutWords(args: readonly string[], flags: Flags, finish: () => CommandLine): CommandLine {
  return withWords(args, flags, (words) => (words.length > 0 ? extraArguments(words) : finish()));
}

/** Takes the flags; `finish` gets the words after them. */
function withWords(
  args: readonly string[],
  flags: Flags,
  finish: (words: readonly string[]) => CommandLine,
): CommandLine {
  let next = 0;
  for (;;) {
    const arg = args[next];
    if (arg === undefined || arg.length < 2 || !arg.startsWith('-')) return finish(args.slice(next));
    next++;
    if (arg === '--') return finish(args.slice(next));

    const [, name, inline] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined) return misuse(`bad flag syntax: ${arg}`);
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) {
      return name === 'help' || name === 'h' ? HELP : undefinedFlag(name, flags);
    }
    const value = inline ?? (flag.isSwitch ? 'true' : args[next++]);
    if (value === undefined) return misuse(`flag needs an argument: -${name}`);
    const fault = flag.take(value);
    if (fault !== undefined) return misuse(`invalid value "${value}" for flag -${name}: ${fault}`);
  }
}

function undefinedFlag(name: string, flags: Flags): CommandLineError {
  const names = Object.keys(flags);
  const near = names.find((known) => known.endsWith(`.${name}`)) ?? nearest(name, names)[0];
  const hint = near === undefined ? '' : `\nDid you mean -${near}?`;
  return misuse(`flag provided but not defined: -${name}${hint}`);
}

function misuse(text: string): CommandLineError {
  return { command: 'error', text, usage: USAGE, exitCode: 2 };
}

function extraArguments(words: readonly string[]): CommandLineError {
  const [near] = nearest(words[0] ?? '', [...COMMANDS.keys()]);
  const hint = near === undefined ? '' : `\nDid you mean the command ${near}? It is the first word, before any flag.`;
  return {
    command: 'error',
    text: `extra command line arguments: [${words.join(' ')}]${hint}`,
    usage: '',
    exitCode: 1,
  };
}
