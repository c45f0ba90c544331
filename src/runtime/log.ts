import { pino } from 'pino';

/**
 * The operational log: start-up, reloads, faults. In the text format a line is the reference's, `[INFO] plugin/reload: ...`,
 * since people grep for these; with `json` a line is one object with `time`, `level`, `msg` and, where one speaks, `plugin`.
 */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
  fatal(message: string): void;
  /** The log of one plugin: its text lines begin `plugin/NAME: `. */
  plugin(name: string): Log;
}

export type LogFormat = 'text' | 'json';
export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'fatal';

/** Takes finished lines, each with its newline. */
export interface LineSink {
  write(line: string): void;
}

export interface RootLog extends Log {
  /** Debug lines are off until asked for; process-wide, as in the reference. */
  setDebug(on: boolean): void;
}

interface Entry {
  readonly level: LogLevel;
  readonly msg: string;
  readonly plugin?: string;
}

const customLevels = { debug: 20, info: 30, warning: 40, error: 50, fatal: 60 } as const;

export function createLog(sink: LineSink, format: LogFormat = 'text'): RootLog {
  const logger = pino(
    {
      level: 'info',
      base: null,
      customLevels,
      useOnlyCustomLevels: true,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: format === 'json' ? () => `,"time":"${new Date().toISOString()}"` : false,
    },
    format === 'json' ? sink : { write: (line: string) => sink.write(textLine(line)) },
  );
  const log = (bindings: { readonly plugin?: string }): Log => ({
    debug: (message) => logger.debug(bindings, message),
    info: (message) => logger.info(bindings, message),
    warning: (message) => logger.warning(bindings, message),
    error: (message) => logger.error(bindings, message),
    fatal: (message) => logger.fatal(bindings, message),
    plugin: (name) => log({ plugin: name }),
  });
  return {
    ...log({}),
    setDebug(on) {
      logger.level = on ? 'debug' : 'info';
    },
  };
}

function textLine(json: string): string {
  const entry = JSON.parse(json) as Entry;
  const speaker = entry.plugin === undefined ? '' : `plugin/${entry.plugin}: `;
  return `[${entry.level.toUpperCase()}] ${speaker}${entry.msg}\n`;
}
