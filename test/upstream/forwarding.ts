import type { Test } from 'tap';
import { systemFiles } from '../../src/corefile/system-files.ts';
import type { Handler } from '../../src/core/handler.ts';
import { rcodeName } from '../../src/dns/codes.ts';
import { forwardIn, type ForwardWorld } from '../../src/plugins/forward/index.ts';
import { systemSockets } from '../../src/upstream/sockets.ts';
import { ask, type Asking } from '../support/ask.ts';
import { type Built, build, noNext, testHost, type TestHost } from '../support/env.ts';
import { settled } from '../support/clock.ts';
import { type Script, type StubOptions, StubServer } from './stub-server.ts';

/** The machine's sockets and files, and no names. */
export const world: ForwardWorld = {
  sockets: systemSockets,
  files: systemFiles,
  lookup: async () => Promise.reject(new Error('no names in this test')),
};

export interface Running extends Built {
  readonly host: TestHost;
}

/** Starts `forward` as the lines of a server block say; it is stopped when the test ends. */
export async function forwarding(
  t: Test,
  lines: string,
  { next = noNext, ...changes }: Partial<ForwardWorld> & { readonly next?: Handler } = {},
): Promise<Running> {
  const host = testHost();
  const built = build(forwardIn({ ...world, ...changes }), `.:53 {\n${lines}\n}`, { host, next });
  t.teardown(async () => {
    await built.instance.stop?.();
    // What is still under way ends with its time.
    await host.clock.advance(10_000);
  });
  await built.instance.start?.(false);
  return { ...built, host };
}

/** A name server, closed when the test ends. */
export async function stub(t: Test, options: StubOptions | Script = {}): Promise<StubServer> {
  const server = await StubServer.start(typeof options === 'function' ? { script: options } : options);
  t.teardown(() => server.close());
  return server;
}

/** The answer's text, or the error as `RCODE message` with ports of ours written PORT. */
export async function outcome(handler: Handler, question: string, asking: Asking = {}): Promise<string> {
  try {
    return await ask(handler, question, asking);
  } catch (error) {
    if (!(error instanceof Error) || !('rcode' in error)) throw error;
    return `${rcodeName(Number(error.rcode))} ${error.message.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST:PORT')}`;
  }
}

/** As a client of TCP asks. */
export const tcp: Asking = { peer: { transport: 'tcp' } };

/** Waits for what comes about by sockets; never, if it does not, until the test is given up. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await settled();
}

/** Gives what shall not happen some time to happen. */
export async function aWhile(): Promise<void> {
  for (let i = 0; i < 10; i++) await settled();
}
