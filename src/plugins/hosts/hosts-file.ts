import { readFile, stat } from 'node:fs/promises';
import { type Clock, every, type Timer } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';

/** What tells one content of a file from another without reading it. */
export interface FileVersion {
  /** When it was written, milliseconds since 1970. */
  readonly writtenMs: number;
  readonly size: number;
  readonly isDirectory: boolean;
}

/** The file system as far as it is needed. */
export interface HostsFiles {
  /** Undefined where there is no such file; rejects when it can not be told. */
  version(path: string): Promise<FileVersion | undefined>;
  /** The file's text. Rejects with an error that says why it can not be read. */
  read(path: string): Promise<string>;
}

export const systemHostsFiles: HostsFiles = {
  async version(path) {
    try {
      const status = await stat(path);
      return { writtenMs: status.mtimeMs, size: status.size, isDirectory: status.isDirectory() };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  },
  read: (path) => readFile(path, 'utf8'),
};

export interface HostsFileOptions {
  readonly file: string;
  readonly isFileNamed: boolean;
  readonly reloadMs: number;
  readonly files: HostsFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Gets the text at first and whenever it has changed. */
  readonly onText: (text: string, version: FileVersion) => Promise<void>;
}

/** Looks after the hosts file. When it goes away, or can not be read any more, its last text counts on. */
export class HostsFile {
  readonly #options: HostsFileOptions;
  #version: FileVersion | undefined;
  #fault = '';
  #timer: Timer | undefined;
  #isLooking = false;

  constructor(options: HostsFileOptions) {
    this.#options = options;
  }

  /** Rejects when the file is named in the Corefile and it can not be told whether it is there. */
  async start(): Promise<void> {
    const { file, isFileNamed, files, clock, log, reloadMs } = this.#options;
    if (isFileNamed) {
      const version = await files.version(file).catch((error: unknown) => {
        throw new Error(`plugin/hosts: unable to access hosts file '${file}': ${messageOf(error)}`, { cause: error });
      });
      if (version === undefined) log.warning(`File does not exist: ${file}`);
      if (version?.isDirectory === true) log.warning(`Hosts file ${JSON.stringify(file)} is a directory`);
    }
    await this.#look();
    if (reloadMs > 0) this.#timer = every(clock, reloadMs, () => void this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#readIfChanged();
      this.#fault = '';
    } catch (error) {
      this.#tell(messageOf(error));
    }
    this.#isLooking = false;
  }

  /** Once, and not at every look. */
  #tell(fault: string): void {
    const { log, file } = this.#options;
    if (fault !== this.#fault) log.warning(`Hosts file ${file} stays as read before: ${fault}`);
    this.#fault = fault;
  }

  async #readIfChanged(): Promise<void> {
    const { file, files, onText } = this.#options;
    const version = await files.version(file);
    if (version === undefined || version.isDirectory) return;
    if (version.writtenMs === this.#version?.writtenMs && version.size === this.#version.size) return;
    await onText(await files.read(file), version);
    this.#version = version;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
