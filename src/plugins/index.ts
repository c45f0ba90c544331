/**
 * The plugins that are built in, in chain order: a query meets them from the top down, an answer from the bottom up. The
 * order is the reference's, since Corefiles rely on it whatever order their lines have: `errors` and `log` see what all
 * others say, `loadbalance` shuffles what `cache` keeps unshuffled, `hosts` comes before `kubernetes`, `kubernetes` before
 * `forward`.
 */
import type { Plugin } from '../core/plugin.ts';
import { bindPlugin } from './bind/index.ts';
import { autopathPlugin } from './autopath/index.ts';
import { cachePlugin } from './cache/index.ts';
import { debugPlugin } from './debug/index.ts';
import { errorsPlugin } from './errors/index.ts';
import { forwardPlugin } from './forward/index.ts';
import { healthPlugin } from './health/index.ts';
import { hostsPlugin } from './hosts/index.ts';
import { k8sExternalPlugin } from './k8s_external/index.ts';
import { kubernetesPlugin } from './kubernetes/index.ts';
import { loadbalancePlugin } from './loadbalance/index.ts';
import { logPlugin } from './log/index.ts';
import { loopPlugin } from './loop/index.ts';
import { metadataPlugin } from './metadata/index.ts';
import { prometheusPlugin } from './prometheus/index.ts';
import { readyPlugin } from './ready/index.ts';
import { reloadPlugin } from './reload/index.ts';
import { rewritePlugin } from './rewrite/index.ts';
import { transferPlugin } from './transfer/index.ts';
import { whoamiPlugin } from './whoami/index.ts';

export const plugins: readonly Plugin[] = [
  metadataPlugin,
  reloadPlugin,
  bindPlugin,
  debugPlugin,
  readyPlugin,
  healthPlugin,
  prometheusPlugin,
  errorsPlugin,
  logPlugin,
  loadbalancePlugin,
  rewritePlugin,
  autopathPlugin,
  cachePlugin,
  transferPlugin,
  hostsPlugin,
  k8sExternalPlugin,
  kubernetesPlugin,
  loopPlugin,
  forwardPlugin,
  whoamiPlugin,
];
