import { type LoggerOptions, pino } from "pino";
import type { Logger } from "../core/ports.ts";
import { prettyLine } from "./pretty-line.ts";
import { redactFields, redactText } from "./redaction.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Takes one finished line, newline included. */
export interface LogDestination {
  write(line: string): void;
}

export interface CreateLoggerOptions {
  /** The least that is written. */
  readonly level: LogLevel;
  /** Lines for a person at a terminal in place of JSON. @default false */
  readonly pretty?: boolean;
  /** @default standard output */
  readonly destination?: LogDestination;
  /** What every line carries. @default nothing */
  readonly fields?: Readonly<Record<string, string | number>>;
}

/**
 * A logger that writes one JSON object per line: `time`, `level`, `msg` and the fields of the event, without anything
 * that looks like a credential.
 *
 * @example
 * const logger = createLogger({ level: "info" });
 * logger.info({ port: 3000 }, "Listening");
 */
export function createLogger(options: CreateLoggerOptions): Logger {
  const destination = options.pretty
    ? prettyDestination(options.destination ?? process.stdout)
    : options.destination;
  const settings: LoggerOptions = {
    level: options.level,
    base: options.fields ?? null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Fields are plain data by the time they come here; pino would read one called `err` as an error again.
    serializers: { err: (value: unknown) => value },
  };
  const sink = destination === undefined ? pino(settings) : pino(settings, destination);
  const at = (level: "debug" | "info" | "warn" | "error") => (fields: object, message: string) => {
    if (sink.isLevelEnabled(level)) sink[level](redactFields(fields), "%s", redactText(message));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function prettyDestination(destination: LogDestination): LogDestination {
  return { write: (line) => destination.write(prettyLine(line)) };
}
