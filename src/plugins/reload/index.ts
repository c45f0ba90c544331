/**
 * reload: looks at the Corefile from time to time and, when it has changed, puts it in the place of the running
 * configuration.
 *
 *     every INTERVAL: fingerprint on disk == running? -- no --> Control.reload -- failed --> the old one keeps running
 *
 * The fingerprint covers the Corefile with its imports and environment variables. Files that plugins read, such as hosts
 * or zones, are watched by these plugins.
 */
import { definePlugin } from '../../core/plugin.ts';
import { ProcessWide } from '../../core/process-wide.ts';
import { parseReload } from './config.ts';
import { CorefileWatch } from './watch.ts';

const watches = new ProcessWide<CorefileWatch>();

export const reloadPlugin = definePlugin({
  name: 'reload',
  parse: parseReload,
  create({ intervalMs, jitterMs }, env) {
    const share = env.random.below(2 ** 32) / 2 ** 32 - 0.5;
    const atStop: (() => unknown)[] = [];
    return {
      async start() {
        const lease = await watches
          .of(env.host)
          .acquire('Corefile', () => ({ value: new CorefileWatch(env), close: () => undefined }));
        atStop.push(lease.value.join(intervalMs + share * jitterMs), () => lease.release());
      },
      async stop() {
        await Promise.all(atStop.map((end) => end()));
      },
    };
  },
});
