import { isIP } from 'node:net';
import { zonesOfWord } from '../../corefile/address.ts';
import { type DirectiveCursor, type LineCursor, readEach } from '../../corefile/cursor.ts';
import { formatGoDuration } from '../../corefile/go-values.ts';
import type { Directive } from '../../corefile/parser.ts';
import type { BlockScope } from '../../core/plugin.ts';
import { RCODE, rcodeCode } from '../../dns/codes.ts';
import { absolute, keyOf, NameError, nameToWire } from '../../dns/name.ts';
import { endpointText } from '../../upstream/failure.ts';
import type { DohMethod } from '../../upstream/https.ts';
import { POLICIES, type Policy } from '../../upstream/policy.ts';
import { distinct, tooMany } from './servers.ts';
import { parseTarget, type Target } from './target.ts';

/** One `forward` line with its options. */
export interface ForwardConfig {
  readonly file: string;
  readonly line: number;
  /** The zone whose names are forwarded. */
  readonly from: string;
  readonly to: readonly Target[];
  /** Zones below `from` that are not forwarded. */
  readonly except: readonly string[];
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  readonly expireMs: number;
  /** 0: any age. */
  readonly maxAgeMs: number;
  /** 0: any number. */
  readonly maxIdle: number;
  readonly readMs: number;
  readonly dohMethod: DohMethod;
  readonly maxFails: number;
  /** Failed attempts before a query is given up; 0: any number, undefined: two for each server. */
  readonly maxAttempts: number | undefined;
  readonly tls: TlsFiles;
  /** '' for each server's own. */
  readonly tlsServername: string;
  readonly policy: Policy;
  readonly health: { readonly intervalMs: number; readonly recursionDesired: boolean; readonly domain: string };
  /** 0: no limit of the user's. */
  readonly maxConcurrent: number;
  /** Rcodes with which the next `forward` is asked. */
  readonly next: ReadonlySet<number>;
  readonly nextOnNodata: boolean;
  readonly failfast: boolean;
  /** Rcodes with which the next server is asked. */
  readonly failover: ReadonlySet<number>;
  readonly resolvers: readonly string[];
  /** '' leaves it to the system. */
  readonly sourceAddress: string;
}

/** Paths of PEM files; '' where there is none. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

type Draft = { -readonly [Key in keyof ForwardConfig]: ForwardConfig[Key] };

/** Throws CorefileError. */
export function parseForward(directives: readonly Directive[], scope: BlockScope): readonly ForwardConfig[] {
  const drafts = directives.map(({ file, line }): Draft => ({ ...defaults, file, line }));
  const unread = drafts.values();
  readEach(directives, scope, (directive) => {
    const draft = unread.next().value;
    if (draft === undefined) return;
    draft.from = readFrom(directive);
    const words = directive.args(1);
    directive.options(optionsFor(draft));
    if (draft.maxAgeMs > 0 && draft.maxAgeMs < draft.expireMs) {
      const [age, expire] = [draft.maxAgeMs, draft.expireMs].map(formatGoDuration);
      directive.attempt(() => {
        throw directive.error(`max_age (${age}) must not be less than expire (${expire})`);
      });
    }
    draft.to = readTargets(directive, words, draft);
  });
  return drafts;
}

const defaults: Omit<ForwardConfig, 'file' | 'line'> = {
  from: '.',
  to: [],
  except: [],
  forceTcp: false,
  preferUdp: false,
  expireMs: 10_000,
  maxAgeMs: 0,
  maxIdle: 0,
  readMs: 2000,
  dohMethod: 'POST',
  maxFails: 2,
  maxAttempts: undefined,
  tls: { ca: '', cert: '', key: '' },
  tlsServername: '',
  policy: 'random',
  health: { intervalMs: 500, recursionDesired: true, domain: '.' },
  maxConcurrent: 0,
  next: new Set(),
  nextOnNodata: false,
  failfast: false,
  failover: new Set(),
  resolvers: [],
  sourceAddress: '',
};

function readFrom(directive: DirectiveCursor): string {
  const word = directive.arg();
  const [zone, ...others] = zonesOfWord(word);
  if (zone === undefined) throw directive.error(`unable to normalize '${word}'`);
  if (others.length > 0) {
    directive.warn(
      `Unsupported CIDR notation: '${word}' expands to multiple zones. Using only '${zone}'. Write one 'forward' for each zone`,
    );
  }
  return zone;
}

function readTargets(directive: DirectiveCursor, words: readonly string[], draft: Draft): readonly Target[] {
  const targets = words.flatMap((word) => {
    const target = parseTarget(word, `${draft.file}:${draft.line}`);
    const mistake = typeof target === 'string' ? target : clashOfNames(target, draft.tlsServername);
    if (mistake !== undefined) {
      directive.attempt(() => {
        throw directive.error(mistake);
      });
    }
    return typeof target === 'string' ? [] : [target];
  });
  // What files and host names stand for is not known yet.
  const known = distinct(targets.filter(({ kind }) => kind === 'server').map(({ server }) => server));
  const mistake = tooMany(known);
  if (mistake !== undefined) throw directive.error(mistake);
  return targets;
}

function clashOfNames({ server }: Target, servername: string): string | undefined {
  if (servername === '' || server.servername === '') return undefined;
  const proxy = `${server.protocol}://${endpointText(server.address, server.port)}`;
  return `both forward ('${servername}') and proxy level ('${server.servername}') TLS servernames are set for upstream proxy '${proxy}'`;
}

function optionsFor(draft: Draft): Record<string, (option: LineCursor) => void> {
  return {
    ...connectionOptions(draft),
    ...healthOptions(draft),
    except(option) {
      if (option.left === 0) throw option.wrongArgumentCount();
      draft.except = [...draft.except, ...option.zones()];
    },
    policy(option) {
      const word = option.arg();
      const policy = POLICIES.find((name) => name === word);
      if (policy === undefined) throw option.parseError(`unknown policy '${word}'`);
      draft.policy = policy;
    },
    max_concurrent: (option) => void (draft.maxConcurrent = count(option)),
    next: (option) => void (draft.next = new Set([...draft.next, ...rcodes(option)])),
    next_on_nodata: () => void (draft.nextOnNodata = true),
    failover(option) {
      const codes = rcodes(option);
      if (codes.includes(RCODE.NOERROR)) throw option.error('NoError cannot be used in failover');
      draft.failover = new Set([...draft.failover, ...codes]);
    },
    resolver(option) {
      draft.resolvers = option.args(1);
      for (const word of draft.resolvers) {
        const [, host = word] = /^\[?(.*?)\]?:\d+$/.exec(word) ?? [];
        if (isIP(word) === 0 && isIP(host) === 0) {
          throw option.error(`resolver must be an IP address or IP:port: ${JSON.stringify(word)}`);
        }
      }
    },
  };
}

/** How servers are connected to. */
function connectionOptions(draft: Draft): Record<string, (option: LineCursor) => void> {
  return {
    force_tcp: () => void (draft.forceTcp = true),
    prefer_udp: () => void (draft.preferUdp = true),
    expire: (option) => void (draft.expireMs = duration(option)),
    max_age: (option) => void (draft.maxAgeMs = duration(option)),
    max_idle_conns: (option) => void (draft.maxIdle = count(option)),
    read_timeout(option) {
      draft.readMs = option.duration();
      if (draft.readMs <= 0) throw option.error(`read_timeout must be positive: ${formatGoDuration(draft.readMs)}`);
    },
    doh_method(option) {
      const method = option.arg();
      if (method !== 'GET' && method !== 'POST') throw option.error('doh_method must be either POST or GET');
      draft.dohMethod = method;
    },
    tls(option) {
      const files = option.args(0, 3);
      const [cert = '', key = '', ca = ''] = files;
      draft.tls = files.length === 1 ? { ca: cert, cert: '', key: '' } : { ca, cert, key };
    },
    tls_servername: (option) => void (draft.tlsServername = option.arg()),
    source_address(option) {
      const address = option.arg();
      if (isIP(address) === 0) throw option.parseError(`invalid IP address: ${address}`);
      draft.sourceAddress = address;
    },
  };
}

/** When a server is given up. */
function healthOptions(draft: Draft): Record<string, (option: LineCursor) => void> {
  return {
    max_fails: (option) => void (draft.maxFails = option.unsigned()),
    max_connect_attempts: (option) => void (draft.maxAttempts = option.unsigned()),
    failfast_all_unhealthy_upstreams: () => void (draft.failfast = true),
    health_check(option) {
      const intervalMs = option.duration();
      if (intervalMs < 0) throw option.error(`health_check can't be negative: ${intervalMs * 1e6}`);
      let { domain, recursionDesired } = defaults.health;
      while (option.left > 0) {
        const word = option.arg();
        if (word === 'no_rec') recursionDesired = false;
        else if (word === 'domain') domain = probeDomain(option);
        else throw option.error(`health_check: unknown option ${word}`);
      }
      draft.health = { intervalMs, recursionDesired, domain };
    },
  };
}

function probeDomain(option: LineCursor): string {
  const word = option.arg();
  try {
    nameToWire(word);
    return keyOf(absolute(word));
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    throw option.error(`health_check: invalid domain name ${word}: ${error.message}`);
  }
}

function duration(option: LineCursor): number {
  const ms = option.duration();
  if (ms < 0) throw option.error(`${option.name} can't be negative: ${formatGoDuration(ms)}`);
  return ms;
}

function count(option: LineCursor): number {
  const number = option.integer();
  if (number < 0) throw option.error(`${option.name} can't be negative: ${number}`);
  return number;
}

function rcodes(option: LineCursor): number[] {
  return option.args(1).map((word) => {
    const code = rcodeCode(word);
    if (code === undefined) throw option.error(`${word} is not a valid rcode`);
    return code;
  });
}
