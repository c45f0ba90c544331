import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Request } from './request.ts';
import type { Sockets } from './sockets.ts';

/** One way to ask one server: over UDP, TCP, TLS or HTTPS. Any number of questions may be under way at a time. */
export interface Client {
  /**
   * Sends a copy of `request` and resolves with the server's reply, checked as `isReplyTo` says. Rejects with UpstreamError
   * when none comes in time, with MismatchError for a reply to another question over a connection.
   */
  exchange(request: Request, limits: Limits): Promise<Buffer>;
  /** Keeps no connection open from now on; questions under way, and later ones, are still answered. */
  close(): void;
}

/** How long an exchange may take. */
export interface Limits {
  /** For the reply, from when the question was sent. */
  readonly readMs: number;
  /** For everything, connecting too: a moment of the clock. */
  readonly deadlineMs: number;
}

/** What all clients need to know. */
export interface ClientOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly sockets: Sockets;
  /** An IP address, IPv6 perhaps with its scope. */
  readonly address: string;
  readonly port: number;
  /** The address to send from; '' leaves it to the system. */
  readonly sourceAddress: string;
  /** How long a connection may be idle; 0: none is used twice. */
  readonly expireMs: number;
  /** How old a connection may become; 0: any age. */
  readonly maxAgeMs: number;
  /** How many connections may be idle; 0: any number. */
  readonly maxIdle: number;
  /** Hears for each question whether its connection, or its UDP socket, was there before. */
  readonly onConnection: (reused: boolean) => void;
}

/** No reply could be had. The message is in the reference's form, as people search for it. */
export class UpstreamError extends Error {
  override readonly name: string = 'UpstreamError';
}

/** The server closed a connection that was good until then; over another one it may well answer. */
export class StaleConnectionError extends UpstreamError {
  override readonly name = 'StaleConnectionError';
}

/** A reply came over a connection, but to another question. */
export class MismatchError extends Error {
  override readonly name = 'MismatchError';
}

/** How long `limits` lets a question that is sent now wait for its reply, in milliseconds. */
export function patienceMs(limits: Limits, clock: Clock): number {
  return Math.max(0, Math.min(limits.readMs, limits.deadlineMs - clock.now()));
}

/** Settles as `promise` does, or rejects with `late()` after `ms`. */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  const timer = clock.after(Math.max(0, ms), () => reject(late()));
  promise.then(resolve, reject);
  return result.finally(() => timer.cancel());
}
