/**
 * The process: arguments to a command, the command's code to the shell. Everything that can be injected is injected from
 * here downwards; nothing else touches `process.argv` or ends the process.
 */
import { check } from './cli/check.ts';
import { parseCommandLine, type CommandLine } from './cli/flags.ts';
import { serve } from './cli/serve.ts';
import { versionBanner } from './cli/version.ts';
import { plugins } from './plugins/index.ts';

async function perform(command: CommandLine): Promise<number> {
  switch (command.command) {
    case 'serve':
      return serve(command);
    case 'dev': {
      // The embedded cluster is not loaded by a server that watches a real one.
      const { dev } = await import('./cli/dev.ts');
      return dev(command);
    }
    case 'check':
      return check(command.files);
    case 'version':
      process.stdout.write(`${versionBanner()}\n`);
      return 0;
    case 'plugins':
      process.stdout.write(
        `${plugins
          .map((plugin) => plugin.name)
          .toSorted()
          .join('\n')}\n`,
      );
      return 0;
    case 'help':
      process.stdout.write(command.usage);
      return 0;
    case 'error':
      process.stderr.write(`${command.text}\n${command.usage}`);
      return command.exitCode;
    default:
      return command satisfies never;
  }
}

process.exitCode = await perform(parseCommandLine(process.argv.slice(2)));
process.exit();
