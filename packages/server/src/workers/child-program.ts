/**
 * What every process under the parent has in common: it takes its settings from it, stops when it says so, and ends with it. Signals are
 * the parent's business; they come here too where a terminal or an init system sends them to all.
 */
import { createLogger } from "../platform/logger.ts";
import {
  type ChildMessage,
  type ParentMessage,
  type StartStore,
  type StartWorker,
  startFailureOf,
} from "./process-message.ts";

type Instruction = Exclude<ParentMessage<never>, { readonly type: "start" }>;

export interface RunningChild {
  readonly hear: (instruction: Instruction) => void;
  /** SIGTERM to this process alone. */
  readonly asked?: () => void;
  /** The parent has died: what is left to be done before this process ends too. */
  readonly orphaned?: () => Promise<void>;
}

/** Says something to the parent; where that one has gone there is nobody to tell. */
export function tellParent(message: ChildMessage, onTold: () => void = () => {}): void {
  if (process.connected) process.send!(message, undefined, undefined, onTold);
  else onTold();
}

/** Starts when the parent says so. What goes wrong is told there, and the process ends with 1. */
export function runChild<Start extends StartStore | StartWorker>(
  start: (message: Start) => Promise<RunningChild>,
): void {
  if (!process.connected) process.exit(1);
  let running: Promise<RunningChild> | undefined;
  // Whatever it is, it waits until there is something that can do it.
  const whenRunning = (act: (child: RunningChild) => unknown) =>
    Promise.resolve(running)
      .then((child) => child && act(child))
      .catch(() => undefined);
  process.on("message", (message: ParentMessage<Start>) => {
    if (message.type !== "start") return void whenRunning(({ hear }) => hear(message as Instruction));
    running = start(message as Start);
    running.catch((error: unknown) => {
      tellParent({ type: "failed", failure: startFailureOf(error) }, () => process.exit(1));
    });
  });
  tellParent({ type: "here" });
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => void whenRunning(({ asked }) => asked?.()));
  process.on(
    "disconnect",
    () => void whenRunning(({ orphaned }) => orphaned?.()).then(() => process.exit(1)),
  );
}

export function childLogger(
  { settings, isLogPretty }: StartStore | StartWorker,
  fields: Readonly<Record<string, string | number>>,
) {
  const logger = createLogger({ level: settings.server.logLevel, pretty: isLogPretty, fields });
  process.on("uncaughtException", (error) => {
    logger.error({ err: error }, "Uncaught error: the process ends");
    process.exit(1);
  });
  return logger;
}
