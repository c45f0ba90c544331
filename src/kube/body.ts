/** A body, or one line of it, is larger than the limit that guards this thread's memory. */
export class BodyTooLarge extends Error {
  constructor(limitBytes: number) {
    super(`more than ${limitBytes} bytes in one piece`);
  }
}

/**
 * Cuts a stream of bytes into lines at 0x0A. It cuts bytes, not text, so a character that is split between two chunks is
 * whole again in its line. Holds at most one unfinished line of `limitBytes`.
 */
export class LineSplitter {
  readonly #limitBytes: number;
  #rest: Uint8Array[] = [];
  #restBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The lines that `chunk` completes, without their newline; empty ones are left out. Throws `BodyTooLarge`. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      this.#hold(chunk.subarray(start, end));
      if (this.#restBytes > 0) lines.push(this.#take());
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
    return lines;
  }

  #hold(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#restBytes += part.length;
    if (this.#restBytes > this.#limitBytes) throw new BodyTooLarge(this.#limitBytes);
    this.#rest.push(part);
  }

  #take(): string {
    const line = Buffer.concat(this.#rest, this.#restBytes).toString('utf8');
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }
}

/** The whole body as text. Throws `BodyTooLarge`. */
export async function readText(chunks: AsyncIterable<Uint8Array>, limitBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw new BodyTooLarge(limitBytes);
    parts.push(chunk);
  }
  return Buffer.concat(parts, bytes).toString('utf8');
}
