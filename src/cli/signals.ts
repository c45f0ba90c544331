import type { Log } from '../runtime/log.ts';
import type { Service } from '../server/service.ts';

export interface SignalTargets {
  readonly log: Log;
  readonly service: Service;
}

/**
 * Does what signals ask for; resolves with the exit code once the server has stopped. TERM and INT stop it gracefully, a
 * second INT and QUIT at once, USR1 reloads; HUP, which a closing terminal sends, is ignored.
 */
export function onSignals({ log, service }: SignalTargets): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false;

    function stop(message: string): void {
      if (stopping) return;
      stopping = true;
      log.info(message);
      void service.shutdown().then(
        () => resolve(0),
        (error: unknown) => {
          log.error(`stopping failed: ${error instanceof Error ? error.message : String(error)}`);
          resolve(1);
        },
      );
    }

    process.on('SIGTERM', () => stop('SIGTERM: Shutting down servers then terminating'));
    process.on('SIGINT', () => {
      if (stopping) resolve(2);
      stop('SIGINT: Shutting down');
    });
    process.on('SIGQUIT', () => {
      log.info('SIGQUIT: Quitting process immediately');
      resolve(0);
    });
    process.on('SIGUSR1', () => {
      log.info('SIGUSR1: Reloading');
      service.reload().catch((error: unknown) => {
        log.error(`SIGUSR1: ${error instanceof Error ? error.message : String(error)}`);
      });
    });
    process.on('SIGHUP', () => {});
  });
}
