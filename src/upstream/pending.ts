import { HEADER_BYTES } from '../dns/message.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { MismatchError } from './client.ts';
import { isReplyTo, type Request } from './request.ts';

export interface PendingOptions {
  readonly clock: Clock;
  readonly random: Random;
  /**
   * What a reply with a fitting id and another question does. Anybody can send a datagram, so there the wait goes on
   * (CVE-2023-28452); into a connection only the server writes, so there the question fails.
   */
  readonly onMismatch: 'wait' | 'fail';
  /** The error of a question that waited too long. */
  readonly late: () => Error;
}

interface Waiting {
  readonly request: Request;
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

/** The questions under way on one socket or connection. Their ids are random and differ. */
export class Pending {
  readonly #options: PendingOptions;
  readonly #waiting = new Map<number, Waiting>();

  constructor(options: PendingOptions) {
    this.#options = options;
  }

  /** Gives `request` an id and waits for its reply for `waitMs` from now; `packet` is what must be sent. */
  add(request: Request, waitMs: number): { readonly packet: Buffer; readonly reply: Promise<Buffer> } {
    const { clock, random, late } = this.#options;
    let id = random.u16();
    while (this.#waiting.has(id)) id = random.u16();
    const packet = Buffer.from(request.wire);
    packet.writeUInt16BE(id);
    const reply = new Promise<Buffer>((resolve, reject) => {
      const timer = clock.after(waitMs, () => {
        this.#waiting.delete(id);
        reject(late());
      });
      this.#waiting.set(id, { request, resolve, reject, timer });
    });
    return { packet, reply };
  }

  /** Gives a message that came in to the question that it answers; one that answers none is dropped. */
  deliver(reply: Buffer): void {
    if (reply.length < HEADER_BYTES) return;
    const id = reply.readUInt16BE();
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const fits = isReplyTo(waiting.request, reply);
    if (!fits && this.#options.onMismatch === 'wait') return;
    waiting.timer.cancel();
    this.#waiting.delete(id);
    if (fits) waiting.resolve(reply);
    else waiting.reject(new MismatchError('the reply belongs to another question'));
  }

  /** Fails every question under way. */
  failAll(error: Error): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { timer, reject } of all) {
      timer.cancel();
      reject(error);
    }
  }
}
