/**
 * ready: `http://ADDRESS/ready` says whether the server should be asked questions: 200 when every plugin that can tell is
 * ready, else 503 with the names of those that are not.
 *
 *     block: ready -- its plugins' `readiness` --+
 *     block: ready -- its plugins' `readiness` --+--> RollCall of the address <-- GET /ready
 *
 * Only plugins of blocks with a `ready` count. When the process is told to end the endpoint closes at once, while queries
 * are still answered: from then on nobody new should be sent here.
 */
import { readiness } from '../../core/capability.ts';
import { definePlugin } from '../../core/plugin.ts';
import { ProcessWide } from '../../core/process-wide.ts';
import { type HttpResponse, PLAIN_TEXT } from '../../runtime/http.ts';
import type { Log } from '../../runtime/log.ts';
import { parseReady } from './config.ts';
import { Attendance, RollCall } from './roll-call.ts';

/** By address. */
const rollCalls = new ProcessWide<RollCall>();

export const readyPlugin = definePlugin({
  name: 'ready',
  parse: parseReady,
  create({ address, monitor }, { host, http, log, resolve, scope }) {
    const atEnd: (() => unknown)[] = [];
    const close = async (): Promise<void> => {
      await Promise.all(atEnd.splice(0).map((end) => end()));
    };
    return {
      async start() {
        const lease = await rollCalls
          .of(host)
          .acquire(address, () => ({ value: new RollCall(), close: () => undefined }));
        const rollCall = lease.value;
        const leave = rollCall.join(resolve, new Attendance(readiness.find(scope), monitor));
        atEnd.push(leave, () => lease.release());
        const endpoint = await http.serve(address, '/ready', () => respond(rollCall, log));
        atEnd.push(() => endpoint.release());
      },
      drain: close,
      stop: close,
    };
  },
});

function respond(rollCall: RollCall, log: Log): HttpResponse {
  const missing = rollCall.missing().join(',');
  if (missing === '') return { status: 200, contentType: PLAIN_TEXT, body: 'OK' };
  log.info(`Plugins not ready: "${missing}"`);
  return { status: 503, contentType: PLAIN_TEXT, body: missing };
}
