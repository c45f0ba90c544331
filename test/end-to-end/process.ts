import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { encodeMessage, type Message, parseMessage } from '../../src/dns/message.ts';
import { FLAG, rcodeName, typeCode } from '../../src/dns/codes.ts';
import { rdataText } from '../../src/dns/text.ts';

const root = resolve(import.meta.dirname, '../..');

/** Longer than anything takes on a busy machine; a test that waits so long has failed. */
const PATIENCE_MS = 20_000;

/** The real process, with what it printed. */
export class Portolan {
  readonly child: ChildProcess;
  readonly directory: string;
  #output = '';
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess, directory: string) {
    this.child = child;
    this.directory = directory;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        for (const look of this.#waiting) look();
      });
    }
    child.on('exit', () => this.#waiting.forEach((look) => look()));
  }

  /** `corefile` becomes a file named Corefile in a directory of its own, where the process runs. */
  static start(corefile: string, args: readonly string[] = [], env: Record<string, string> = {}): Portolan {
    const directory = mkdtempSync(join(tmpdir(), 'portolan-'));
    writeFileSync(join(directory, 'Corefile'), corefile);
    return Portolan.#spawn(['-conf', 'Corefile', '-dns.port', '0', ...args], directory, env);
  }

  /** `portolan dev`; `bundle`: from this script instead of the sources. */
  static dev(args: readonly string[], bundle?: string): Portolan {
    const directory = mkdtempSync(join(tmpdir(), 'portolan-'));
    if (bundle === undefined) return Portolan.#spawn(['dev', ...args], directory, {});
    return Portolan.#spawn([bundle, 'dev', ...args], directory, {}, process.execPath);
  }

  static #spawn(
    args: readonly string[],
    directory: string,
    env: Record<string, string>,
    command = join(root, 'bin/portolan'),
  ): Portolan {
    const child = spawn(command, args, {
      cwd: directory,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Portolan(child, directory);
  }

  get output(): string {
    return this.#output;
  }

  rewrite(corefile: string): void {
    writeFileSync(join(this.directory, 'Corefile'), corefile);
  }

  /** Resolves with the match once the output has it; rejects when the process ends before, or after a long time. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve: found, reject } = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const match = pattern.exec(this.#output);
      if (match !== null) found(match);
      else if (this.child.exitCode !== null) reject(new Error(`ended without ${pattern}:\n${this.#output}`));
    };
    const timer = setTimeout(() => reject(new Error(`never printed ${pattern}:\n${this.#output}`)), PATIENCE_MS);
    this.#waiting.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }

  /** The DNS port, printed with the first zone. */
  async port(): Promise<number> {
    const [, port] = await this.printed(/^\S*\.:(\d+)(?: on .*)?$/m);
    return Number(port);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Resolves with the exit code. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'exit');
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Asks over UDP, again each second until there is a reply. */
export async function ask(port: number, name: string, type = 'A'): Promise<Message> {
  const socket = createSocket('udp4');
  const wire = question(name, type);
  const again = setInterval(() => socket.send(wire, port, '127.0.0.1'), 1000);
  try {
    socket.send(wire, port, '127.0.0.1');
    const [reply] = (await once(socket, 'message')) as [Buffer];
    return parseMessage(reply);
  } finally {
    clearInterval(again);
    socket.close();
  }
}

/** Asks all questions over one TCP connection without waiting; the replies in the order of the questions' ids. */
export async function askTcp(port: number, names: readonly string[]): Promise<Message[]> {
  const socket = connect(port, '127.0.0.1');
  for (const [id, name] of names.entries()) {
    const wire = question(name, 'A', id);
    socket.write(Buffer.concat([Buffer.of(wire.length >> 8, wire.length & 255), wire]));
  }
  let received = Buffer.alloc(0);
  const replies: Message[] = [];
  for await (const bytes of socket) {
    received = Buffer.concat([received, bytes as Buffer]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      replies.push(parseMessage(received.subarray(2, end)));
      received = received.subarray(end);
    }
    if (replies.length === names.length) break;
  }
  socket.destroy();
  return replies.sort((a, b) => a.id - b.id);
}

function question(name: string, type: string, id = 1): Buffer {
  return encodeMessage({
    id,
    opcode: 0,
    rcode: 0,
    flags: FLAG.RD,
    questions: [{ name, type: typeCode(type) ?? 1, class: 1 }],
    answer: [],
    authority: [],
    additional: [],
    edns: undefined,
  });
}

/** `NOERROR 10.96.1.1 10.96.1.2`: the rcode and the data of the answer section, in order. */
export function short(message: Message): string {
  return [rcodeName(message.rcode), ...message.answer.map((record) => rdataText(record.data)).sort()].join(' ');
}

/** Asks until the answer is as wanted; resolves with the milliseconds that took. */
export async function until(port: number, name: string, wanted: string, type = 'A'): Promise<number> {
  const started = performance.now();
  for (;;) {
    const got = short(await ask(port, name, type));
    const elapsed = performance.now() - started;
    if (got === wanted) return elapsed;
    if (elapsed > PATIENCE_MS) throw new Error(`${name} ${type} stayed ${got}, not ${wanted}`);
  }
}

/** A port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
