/**
 * The plugins that are built in, in chain order: a query meets them from the top down, an answer from the bottom up. The
 * order is the reference's, since Corefiles rely on it whatever order their lines have: `errors` and `log` see what all
 * others say, `loadbalance` shuffles what `cache` keeps unshuffled, `hosts` comes before `kubernetes`, `kubernetes` before
 * `forward`.
 */
import type { Plugin } from '../core/plugin.ts';
import { kubernetesPlugin } from './kubernetes/index.ts';

export const plugins: readonly Plugin[] = [kubernetesPlugin];
