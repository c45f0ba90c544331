/**
 * ready: `http://ADDRESS/ready` says whether the server should be asked questions: 200 when every plugin that can tell is
 * ready, else 503 with the names of those that are not.
 *
 *     block: ready -- its plugins' `readiness` --+
 *     block: ready -- its plugins' `readiness` --+--> AddressReadiness <-- GET /ready
 *
 * Only plugins of blocks with a `ready` count. When the process is told to end the endpoint closes at once, while queries
 * are still answered: from then on nobody new should be sent here.
 */
import { readiness } from '../../core/capability.ts';
import { definePlugin } from '../../core/plugin.ts';
import { ProcessWide } from '../../core/process-wide.ts';
import { type HttpResponse, PLAIN_TEXT } from '../../runtime/http.ts';
import type { Log } from '../../runtime/log.ts';
import { AddressReadiness, BlockReadiness } from './address-readiness.ts';
import { parseReady } from './config.ts';

const byAddress = new ProcessWide<AddressReadiness>();

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
        const lease = await byAddress
          .of(host)
          .acquire(address, () => ({ value: new AddressReadiness(), close: () => undefined }));
        const shared = lease.value;
        const leave = shared.join(resolve, new BlockReadiness(readiness.find(scope), monitor));
        atEnd.push(leave, () => lease.release());
        const endpoint = await http.serve(address, '/ready', () => respond(shared, log));
        atEnd.push(() => endpoint.release());
      },
      drain: close,
      stop: close,
    };
  },
});

function respond(shared: AddressReadiness, log: Log): HttpResponse {
  const missing = shared.missing().join(',');
  if (missing === '') return { status: 200, contentType: PLAIN_TEXT, body: 'OK' };
  log.info(`Plugins not ready: "${missing}"`);
  return { status: 503, contentType: PLAIN_TEXT, body: missing };
}
