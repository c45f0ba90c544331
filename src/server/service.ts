import type { Source } from '../corefile/expand.ts';
import type { Files } from '../corefile/files.ts';
import { CorefileError, type Mistake } from '../corefile/mistake.ts';
import type { Control, Host, Plugin } from '../core/plugin.ts';
import type { Query } from '../core/query.ts';
import type { RootLog } from '../runtime/log.ts';
import { makePlan, type Plan, type Planned } from './plan.ts';
import { Server } from './server.ts';

export interface ServiceOptions {
  readonly host: Omit<Host, 'control'>;
  readonly log: RootLog;
  /** In chain order. */
  readonly plugins: readonly Plugin[];
  /** The Corefile as it is now. Throws an Error that names the file and why it can not be read. */
  readonly load: () => Source;
  readonly files: Files;
  /** The port of addresses that name none. */
  readonly dnsPort: number;
  /** What relative file names count from. */
  readonly directory: string;
  readonly onDropped: (query: Query, rcode: number) => void;
}

interface Loaded {
  readonly plan: Plan;
  readonly fingerprint: string;
  readonly warnings: readonly Mistake[];
}

/** Keeps a server running by a Corefile, which may change. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #server: Server;
  readonly #control: Control;
  #fingerprint = '';
  #oddZones: readonly string[] = [];
  #debuggers = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#control = {
      fingerprint: () => this.#fingerprint,
      readFingerprint: () => fingerprintOf(this.#plan()),
      reload: () => this.reload(),
      setDebug: (on) => this.#setDebug(on),
    };
    const host: Host = { ...options.host, control: this.#control };
    this.#server = new Server({ host, log: options.log, onDropped: options.onDropped });
  }

  /** Rejects with CorefileError for mistakes in the Corefile, with Error for whatever can not be opened. */
  async start(): Promise<void> {
    const loaded = this.#load();
    this.#warn(loaded.warnings);
    this.#fingerprint = loaded.fingerprint;
    const addresses = loaded.plan.blocks.flatMap((block) => block.text.addresses);
    this.#oddZones = addresses.filter((address) => !address.preferredSyntax).map((address) => address.zone);
    await this.#server.run(loaded.plan);
  }

  /** Rejects, with all as before, when the Corefile is bad or something can not be opened. Tells the log of each step. */
  async reload(): Promise<void> {
    const { log } = this.#options;
    log.info('Reloading');
    const before = this.#fingerprint;
    try {
      const loaded = this.#load();
      this.#warn(loaded.warnings);
      this.#fingerprint = loaded.fingerprint;
      await this.#server.run(loaded.plan);
    } catch (error) {
      this.#fingerprint = before;
      log.error(`Restart failed: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
    log.info('Reloading complete');
  }

  shutdown(): Promise<void> {
    return this.#server.shutdown();
  }

  /** Zones that are no host names, which may be a slip of the pen. */
  get oddZones(): readonly string[] {
    return this.#oddZones;
  }

  /** What is served where, with real ports. */
  get endpoints(): Server['endpoints'] {
    return this.#server.endpoints;
  }

  /** Throws CorefileError with all mistakes. */
  #load(): Loaded {
    const planned = this.#plan();
    if (planned.errors.length > 0) throw new CorefileError(planned.errors);
    return { ...planned, fingerprint: fingerprintOf(planned) };
  }

  #plan(): Planned {
    const { load, host, ...options } = this.#options;
    return makePlan(load(), { ...options, environment: host.environment });
  }

  #warn(warnings: readonly Mistake[]): void {
    for (const { file, line, message } of warnings) this.#options.log.warning(`${message} (${file}:${line})`);
  }

  /** Several blocks may ask for it, and those of the next configuration before these are gone. */
  #setDebug(on: boolean): void {
    this.#debuggers += on ? 1 : -1;
    this.#options.log.setDebug(this.#debuggers > 0);
  }
}

function fingerprintOf({ fingerprint, errors }: Planned): string {
  if (fingerprint === undefined) throw new CorefileError(errors);
  return fingerprint;
}
