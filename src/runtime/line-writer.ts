/**
 * Where the process prints: the operational log and the lines of `log` for each query, in the order they were written.
 *
 *     write(line) -> batch -- end of the turn, or BATCH_CHARS --> stream -- at the reader's pace --> pipe
 *
 * One write for each query would cost more than the query, so lines are collected while the event loop has work. A pipe
 * that nobody reads takes nothing more; then lines wait up to BACKLOG_CHARS, and those beyond are lost and counted:
 * queries are answered all the same, and memory stays bounded. A reader that is gone for good loses all lines.
 */
import type { Writable } from 'node:stream';
import type { Clock } from './clock.ts';
import type { LineSink, LogFormat } from './log.ts';

/** What a plugin needs in order to print lines of its own making. */
export interface LineOutput {
  readonly lines: LineSink;
  readonly logFormat: LogFormat;
}

/** A batch of this size is not kept until the turn ends. */
export const BATCH_CHARS = 64 * 1024;
/** What may wait for the reader, about as many bytes: log lines are ASCII. */
export const BACKLOG_CHARS = 4 * 1024 * 1024;

export interface LineWriterOptions {
  /** Called when lines can be written again, with the number of those lost meanwhile; may write a line. */
  readonly onLost?: (lines: number) => void;
}

/** Writes lines to a stream such as `process.stdout`, whose errors it takes upon itself. Nothing here throws or waits. */
export class LineWriter implements LineSink {
  readonly #stream: Writable;
  readonly #onLost: (lines: number) => void;
  #batch = '';
  #isScheduled = false;
  #lost = 0;
  #untold = 0;
  /** Writes that the stream has not finished. */
  #unfinished = 0;
  readonly #onFinished: (() => void)[] = [];

  constructor(stream: Writable, options: LineWriterOptions = {}) {
    this.#stream = stream;
    this.#onLost = options.onLost ?? (() => undefined);
    stream.on('error', () => undefined);
  }

  /** How many lines were lost since the start. */
  get lost(): number {
    return this.#lost;
  }

  write(line: string): void {
    const backlog = this.#batch.length + this.#stream.writableLength;
    if (!this.#stream.writable || backlog + line.length > BACKLOG_CHARS) {
      this.#lost++;
      this.#untold++;
      return;
    }
    this.#batch += line;
    if (this.#batch.length >= BATCH_CHARS) this.#send();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#send();
      });
    }
  }

  /** Resolves when every line is with the reader, at the latest after `limitMs`: to be awaited before the process ends. */
  flush(clock: Clock, limitMs: number): Promise<void> {
    this.#send();
    if (this.#unfinished === 0 || this.#stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const limit = clock.after(limitMs, resolve);
      this.#onFinished.push(() => {
        limit.cancel();
        resolve();
      });
    });
  }

  #send(): void {
    if (this.#batch === '') return;
    const batch = this.#batch;
    this.#batch = '';
    this.#unfinished++;
    this.#stream.write(batch, () => this.#finish());
  }

  #finish(): void {
    this.#unfinished--;
    if (this.#untold > 0 && this.#stream.writable && this.#stream.writableLength < BACKLOG_CHARS / 2) {
      const lines = this.#untold;
      this.#untold = 0;
      this.#onLost(lines);
    }
    if (this.#unfinished > 0) return;
    for (const resolve of this.#onFinished.splice(0)) resolve();
  }
}
