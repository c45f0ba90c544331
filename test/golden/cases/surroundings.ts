import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemFiles } from '../../../src/corefile/system-files.ts';
import { autopathReading } from '../../../src/plugins/autopath/index.ts';
import { plugins } from '../../../src/plugins/index.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { type RunningServer, startServer } from '../../support/running-server.ts';
import { StaticApi, type StaticObjects } from '../../support/static-api.ts';
import { labelledUpstream, type Respond, startStubUpstream, type StubUpstream } from '../../support/stub-upstream.ts';
import { untilSynced } from '../synced.ts';
import type { Fixtures } from './case-file.ts';

/** The addresses of the host on which the reference was watched. */
export const RECORDING_HOST = ['192.0.2.2', 'fd00::2', 'fe80::fc:ff:fe00:1'];

/** As on that host, whatever search list this one has. */
const autopath = autopathReading({
  read: (path) => (path === '/etc/resolv.conf' ? '' : systemFiles.read(path)),
});
const pluginsThere = plugins.map((plugin) => (plugin.name === autopath.name ? autopath : plugin));

export interface Setting {
  /** `<port>`, `<api-url>`, `<stub-upstream>`, `<hosts-file>` and `<closed-port>` are filled in. */
  readonly corefile: string;
  /** The cluster; empty unless given. */
  readonly fixture?: string;
  readonly objects?: StaticObjects;
  readonly ownAddresses?: readonly string[];
  readonly respond?: Respond;
  readonly clock?: Clock;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A server with all that surrounds it. */
export interface Served extends AsyncDisposable {
  readonly server: RunningServer;
  readonly api: StaticApi;
  readonly upstream: StubUpstream;
}

/** Where the cases take place: the clusters, and the files that Corefiles name. */
export class Surroundings implements Disposable {
  /** Holds a hosts file and the files to import; relative names in Corefiles count from here. */
  readonly directory = mkdtempSync(join(tmpdir(), 'portolan-cases-'));
  readonly #fixtures: Fixtures;

  constructor(fixtures: Fixtures) {
    this.#fixtures = fixtures;
    this.write('hosts', hostsFile());
    mkdirSync(join(this.directory, 'cf'));
    this.write('cf/some.override', 'whoami\n');
  }

  /** Whether a plugin is built in. */
  has(plugin: string): boolean {
    return plugins.some(({ name }) => name === plugin);
  }

  /** Writes a file and gives its path. */
  write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  objects(fixture: string): StaticObjects {
    const found = this.#fixtures[fixture];
    if (found === undefined) throw new Error(`no fixture ${fixture}`);
    const { namespaces, services, pods, endpointSlices: endpointslices, serviceImports: serviceimports } = found;
    return { namespaces, services, pods, endpointslices, serviceimports };
  }

  /** Starts a server and waits until it knows its cluster. Rejects as `startServer` does. */
  async serve(setting: Setting): Promise<Served> {
    const { corefile, fixture, ownAddresses = RECORDING_HOST, respond = labelledUpstream } = setting;
    const { clock = systemClock, environment = {} } = setting;
    await using stack = new AsyncDisposableStack();
    const objects = setting.objects ?? (fixture === undefined ? {} : this.objects(fixture));
    const api = stack.adopt(await StaticApi.start(objects), (it) => it.close());
    const upstream = stack.adopt(await startStubUpstream(respond), (it) => it.close());
    const placeholders = {
      port: '0',
      'api-url': api.url,
      'stub-upstream': upstream.address,
      'hosts-file': join(this.directory, 'hosts'),
      'closed-port': '127.0.0.1:1',
    };
    const { directory } = this;
    const options = { directory, placeholders, ownAddresses, clock, environment, plugins: pluginsThere };
    const server = stack.adopt(await startServer(corefile, options), (it) => it.close());
    if (corefile.includes('<api-url>')) await untilSynced(server);
    const opened = stack.move();
    return { server, api, upstream, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** `biga` has 90 addresses, more than a small packet holds; `one` has the same address twice. */
function hostsFile(): string {
  const many = Array.from({ length: 90 }, (_, i) => `10.9.${i >> 8}.${i & 255} biga.example.org`);
  const ten = Array.from({ length: 10 }, (_, i) => `10.8.0.${i} ten.example.org`);
  const rest = [
    '1.2.3.4 ONE.example.org two.example.org *.wild.example.org',
    'fe80::1%lo zone.example.org',
    '::1 v6.example.org',
    '1.2.3.4 one.example.org',
  ];
  return `${[...many, ...ten, ...rest].join('\n')}\n`;
}
