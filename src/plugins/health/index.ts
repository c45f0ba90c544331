/**
 * health: `http://ADDRESS/health` says OK as long as the process lives, also while it prepares to end. Whether it should
 * be asked questions is what `ready` says.
 *
 *     told to end -> drain: lameduck, everything goes on answering -> sockets close
 *
 * The time of `lameduck` is for those who still send: it takes a cluster some seconds to tell all nodes that this server
 * is gone.
 */
import { formatGoDuration } from '../../corefile/go-values.ts';
import { definePlugin, type Plugin } from '../../core/plugin.ts';
import { pause } from '../../runtime/clock.ts';
import { type HttpEndpoint, parseAddress, PLAIN_TEXT } from '../../runtime/http.ts';
import type { Lease } from '../../runtime/shared.ts';
import { parseHealth } from './config.ts';
import { httpProbe, type Probe } from './probe.ts';
import { SelfCheck } from './self-check.ts';

/** `probe`: how the process asks itself. */
export function defineHealth(probe: Probe): Plugin {
  return definePlugin({
    name: 'health',
    parse: parseHealth,
    create({ address, lameduckMs }, env) {
      const { clock, http, log, metrics } = env;
      let lease: Lease<HttpEndpoint> | undefined;
      let selfCheck: SelfCheck | undefined;
      return {
        async start() {
          lease = await http.serve(address, '/health', () => ({ status: 200, contentType: PLAIN_TEXT, body: 'OK' }));
          const target = { host: loopbackFor(parseAddress(address).host), port: lease.value.port };
          selfCheck = new SelfCheck(`http://${address}/health`, target, { clock, log, metrics, probe });
        },
        async drain() {
          if (lameduckMs <= 0) return;
          log.info(`Going into lameduck mode for ${formatGoDuration(lameduckMs)}`);
          await pause(clock, lameduckMs);
        },
        async stop() {
          selfCheck?.stop();
          await lease?.release();
        },
      };
    },
  });
}

export const healthPlugin = defineHealth(httpProbe);

/** Where a server on `host` can be reached from here. */
function loopbackFor(host: string): string {
  return host === '' || host.toLowerCase() === 'localhost' ? '127.0.0.1' : host;
}
