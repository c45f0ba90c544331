import { formatGoDuration } from '../../corefile/go-values.ts';
import { type Clock, every, type Timer } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import { parseWeights, Weights } from './weights.ts';

/** The text of a file; rejects with an error that says why it can not be read. */
export type ReadText = (path: string) => Promise<string>;

export interface WeightFileOptions {
  readonly file: string;
  /** How often it is looked at; 0 for once. */
  readonly reloadMs: number;
  readonly read: ReadText;
  readonly clock: Clock;
  readonly log: Log;
}

/** The weights that a file holds. When it turns out broken, or is gone, the last ones stay. */
export class WeightFile {
  readonly #options: WeightFileOptions;
  #weights = new Weights();
  #text: string | undefined;
  #timer: Timer | undefined;
  #isReading = false;

  constructor(options: WeightFileOptions) {
    this.#options = options;
  }

  get weights(): Weights {
    return this.#weights;
  }

  /** Reads the file. Rejects when it is broken, or when it can not be read and will not be looked at again. */
  async start(): Promise<void> {
    const { clock, log, reloadMs } = this.#options;
    try {
      this.#take(await this.#read());
    } catch (error) {
      if (!(error instanceof OpenError) || reloadMs === 0) {
        throw new Error(`plugin/loadbalance: ${messageOf(error)}`, { cause: error });
      }
      log.warning(`Failed to open weight file:${error.message}. Will try again in ${formatGoDuration(reloadMs)}`);
    }
    if (reloadMs > 0) this.#timer = every(clock, reloadMs, () => void this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      this.#take(await this.#read());
    } catch (error) {
      this.#options.log.error(messageOf(error));
    }
    this.#isReading = false;
  }

  async #read(): Promise<string> {
    const { read, file } = this.#options;
    try {
      return await read(file);
    } catch (error) {
      throw new OpenError(`weight file open error: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Throws for a text that is no weight file, once. */
  #take(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    const { file, log } = this.#options;
    this.#weights = parseWeights(text, file);
    log.info(`Successfully reloaded weight file ${file}`);
  }
}

class OpenError extends Error {
  override readonly name = 'OpenError';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
