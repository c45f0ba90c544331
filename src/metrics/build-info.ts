import type { Metrics } from './metrics.ts';

/** What runs: the program's version and commit, and the version of Node.js. */
export interface Build {
  readonly version: string;
  /** '' where it is not known. */
  readonly revision: string;
  /** As `process.version` has it: `v26.10.0`. */
  readonly nodeVersion: string;
}

/** Exposes `coredns_build_info`, whose label for the compiler's version holds that of Node.js. */
export function exposeBuild(metrics: Metrics, { version, revision, nodeVersion }: Build): void {
  metrics
    .gauge({
      name: 'coredns_build_info',
      help: "A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.",
      labels: ['version', 'revision', 'goversion'],
    })
    .with({ version, revision, goversion: nodeVersion })
    .set(1);
}
