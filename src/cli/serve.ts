import { existsSync, readFileSync } from 'node:fs';
import type { Source } from '../corefile/expand.ts';
import { defaultCorefile } from '../corefile/index.ts';
import type { CorefileSource, ServeCommand } from './flags.ts';
import { run } from './run.ts';

/** `portolan serve`: runs a Corefile until a signal ends it; resolves with the exit code. */
export function serve(command: ServeCommand): Promise<number> {
  const { port, pidFile, logFormat, quiet } = command;
  const load = loader(command.corefile, port);
  return run({ load, dnsPort: port, pidFile, logFormat, quiet });
}

/** Reads the Corefile anew at each call; standard input can be read once only, and stays as it was. */
export function loader(corefile: CorefileSource, dnsPort: number): () => Source {
  switch (corefile.from) {
    case 'stdin': {
      let text: string | undefined;
      return () => ({ path: 'stdin', text: (text ??= readFileSync(0, 'utf8')) });
    }
    case 'file':
      return () => readSource(corefile.path);
    case 'default':
      return () => (existsSync('Corefile') ? readSource('Corefile') : defaultCorefile(dnsPort));
    default:
      return corefile satisfies never;
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
};

function readSource(path: string): Source {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new Error(`loading Corefile via flag: open ${path}: ${reasons[code] ?? String(error)}`, { cause: error });
  }
}
