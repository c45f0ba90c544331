import type { Test } from 'tap';
import { watchResource } from '../../src/kube/machine.ts';
import type { WatchEvent } from '../../src/kube/events.ts';
import type { Selection } from '../../src/kube/resources.ts';
import type { Random } from '../../src/runtime/random.ts';
import { ManualClock, settled } from '../support/clock.ts';
import { recorded } from './recorded.ts';
import { ScriptedTransport } from './scripted-transport.ts';

/** Always the largest number: back-off waits 0.8, 1.6, 3.2 ... 30 s, and `timeoutSeconds` is 600. */
const largest: Random = { u16: () => 0xffff, below: (limit) => limit - 1 };

/** A machine that has just started, and a hold on everything around it. */
export function start(t: Test, selection: Selection = { kind: 'Service' }) {
  const transport = new ScriptedTransport();
  const clock = new ManualClock();
  const abort = new AbortController();
  const events: WatchEvent[] = [];
  const watching = (async () => {
    for await (const some of watchResource(selection, { transport, clock, random: largest }, abort.signal)) {
      events.push(...some);
    }
  })();
  t.teardown(async () => {
    abort.abort();
    await watching;
    if (clock.pending > 0) throw new Error('a timer was left behind');
    if (transport.waiting > 0) throw new Error('a request was overlooked');
  });
  return {
    transport,
    clock,
    abort,
    /** What happened since it was last asked, in words. */
    async seen(): Promise<string[]> {
      await settled();
      return events.splice(0).map(inWords);
    },
    /** Takes the next request, once it is made. */
    async request() {
      await settled();
      return transport.take();
    },
  };
}

function inWords(event: WatchEvent): string {
  switch (event.type) {
    case 'put':
      return `put ${event.object.namespace}/${event.object.name}@${event.object.resourceVersion}`;
    case 'seen':
    case 'gone':
      return `${event.type} ${event.name.namespace}/${event.name.name}`;
    case 'listing':
      return `listing (${event.reason})`;
    case 'fault':
      return `${event.fault.code}: ${event.fault.message}`;
    case 'listed':
    case 'alive':
      return event.type;
    default:
      return event satisfies never;
  }
}

/** A machine that has its list, by streaming, and watches from resourceVersion 1416. */
export async function listed(t: Test, selection?: Selection) {
  const run = start(t, selection);
  const watch = await run.request();
  watch.play(recorded('streaming list'));
  await run.seen();
  return { ...run, watch };
}

/** The query of a streaming list. */
export const streamQuery = {
  sendInitialEvents: 'true',
  resourceVersionMatch: 'NotOlderThan',
  watch: 'true',
  allowWatchBookmarks: 'true',
  timeoutSeconds: '600',
};

/** The query of a watch. */
export function watchQuery(resourceVersion: string) {
  return { resourceVersion, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: '600' };
}

/** One line of a watch, for what no recording shows. */
export function line(type: string, name: string, resourceVersion: string, more: object = {}): string {
  const metadata = { namespace: 'demo', name, resourceVersion };
  return JSON.stringify({ type, object: { kind: 'Service', apiVersion: 'v1', metadata, ...more } });
}
