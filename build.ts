/**
 * Makes `dist/`: Portolan as a few JavaScript files that need no `node_modules` beside them (`npm run build`).
 *
 *     dist/portolan.js                 the server: `node dist/portolan.js -conf Corefile`
 *     dist/watch-thread.js             the thread that reads the API server; its starter finds it beside itself
 *     dist/chunk-*.js                  what both share, and what is loaded on demand, such as the Kubernetes client
 *     dist/default-cluster.yaml        the cluster of `portolan dev`
 *     dist/THIRD-PARTY-LICENSES.txt    the terms of the packages inside
 *
 * Only syntax is minified: names and lines stay, so that a stack trace from production can be read. Source maps lie beside
 * the files and are loaded by nobody unless asked. PORTOLAN_COMMIT in the environment becomes part of the version.
 */
import { copyFileSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, formatMessagesSync, type Metafile } from 'esbuild';

export interface Bundle {
  /** The folder that `entries` and `assets` are relative to. */
  readonly root: string;
  /** Emptied first. */
  readonly outputFolder: string;
  /** Name in the output folder, without `.js`, to source file. Imports that are not static become files of their own. */
  readonly entries: Readonly<Record<string, string>>;
  /** Copied beside the code under their own names. */
  readonly assets: readonly string[];
  readonly commit: string | undefined;
}

/** Bundles; returns the names of the files it made. Throws an Error that says what is missing or wrong in the sources. */
export async function bundle({ root, outputFolder, entries, assets, commit }: Bundle): Promise<readonly string[]> {
  const missing = [...Object.values(entries), ...assets].filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) throw new Error(`nothing to build from: ${missing.join(', ')} not found in ${root}`);

  rmSync(outputFolder, { recursive: true, force: true });
  const { metafile, warnings } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: outputFolder,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    minifySyntax: true,
    sourcemap: 'external',
    chunkNames: 'chunk-[hash]',
    // Packages in CommonJS call `require` for Node's own modules; an ES module has none.
    banner: {
      js: "import { createRequire as nodeRequire } from 'node:module';\nconst require = nodeRequire(import.meta.url);",
    },
    define: commit === undefined ? {} : { PORTOLAN_COMMIT: JSON.stringify(commit) },
    logLevel: 'silent',
    metafile: true,
  });
  if (warnings.length > 0) throw new Error(formatMessagesSync(warnings, { kind: 'warning' }).join(''));

  for (const asset of assets) copyFileSync(join(root, asset), join(outputFolder, basename(asset)));
  writeFileSync(join(outputFolder, 'THIRD-PARTY-LICENSES.txt'), licenses(root, metafile));
  return globSync('*', { cwd: outputFolder }).sort();
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** The terms of each package that went into the bundle, as its authors ask. */
function licenses(root: string, metafile: Metafile): string {
  const folders = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolder(path) ?? []));
  return [...folders]
    .sort()
    .map((folder) => {
      const { name, version, license }: Manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const file = globSync('{LICENSE,LICENCE,license}*', { cwd: join(root, folder) })[0];
      const text = file === undefined ? '' : `\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
      return `${name} ${version} (${license})\n${text}`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function packageFolder(path: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

/** What `npm run build` bundles. */
export const portolan: Pick<Bundle, 'root' | 'entries' | 'assets'> = {
  root: import.meta.dirname,
  entries: { portolan: 'src/main.ts', 'watch-thread': 'src/kube/watch-thread.ts' },
  assets: ['src/devcluster/default-cluster.yaml'],
};

if (import.meta.main) {
  const outputFolder = join(portolan.root, 'dist');
  const commit = process.env['PORTOLAN_COMMIT'] || undefined;
  try {
    const files = await bundle({ ...portolan, outputFolder, commit });
    console.log(`dist: ${files.join(' ')}`);
  } catch (error) {
    console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
