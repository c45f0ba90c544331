import manifest from '../../package.json' with { type: 'json' };

/** The commit a bundle was built from, put in its place by build.ts; sources do not know theirs. */
declare const PORTOLAN_COMMIT: string | undefined;

/** The version of the package, such as `0.1.0`. */
export const version: string = manifest.version;

/** The commit of a bundle; '' for sources. */
export const commit: string = typeof PORTOLAN_COMMIT === 'string' ? PORTOLAN_COMMIT : '';

/** What the banner says of the machine; `process` is one. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  /** Node's version, such as `v26.10.0`. */
  readonly version: string;
}

/** The two lines that name this program, in the shape of the reference's; without a final newline. */
export function versionBanner(host: Host = process): string {
  const from = commit === '' ? '' : `, ${commit}`;
  return `Portolan-${version}\n${host.platform}/${host.arch}, node ${host.version}${from}`;
}
