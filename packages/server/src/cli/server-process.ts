/** The life of a serving process: start, say where, wait for a signal, stop. */
import type { Settings } from "../config/settings.ts";
import type { Logger } from "../index.ts";
import { packageVersion } from "../version.ts";
import { banner } from "./banner.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { listenFailure } from "./listen-failure.ts";
import { decideSignal, RUNNING, signalExitCode } from "./shutdown.ts";
import type { Terminal } from "./terminal.ts";

export interface RunningServer {
  readonly address: { readonly url: string };
  /** Rejects when it cannot go on. */
  readonly failed?: Promise<never>;
  /** Replaces its processes, where there are several. */
  replaceAll?(): Promise<void>;
  stop(reason?: string): Promise<void>;
}

export interface ServerProcess {
  readonly settings: Settings;
  readonly workerCount: number;
  readonly logger: Logger;
  readonly terminal: Terminal;
  readonly start: () => Promise<RunningServer>;
}

export async function runServer({
  settings,
  workerCount,
  logger,
  terminal,
  start,
}: ServerProcess): Promise<ExitCode> {
  // Before the start: a signal that arrives meanwhile is obeyed as soon as there is something to stop.
  const stopRequested = watchSignals(terminal, logger);
  const server = await start().catch((error: unknown) => {
    throw listenFailure(error, settings.server);
  });
  const { url } = server.address;
  const facts = { url, workerCount, version: packageVersion() };
  if (terminal.out.isTty) terminal.out.write(banner(settings, facts, terminal.out.style));
  else logger.info({ url, version: facts.version, ...workersField(workerCount) }, "Tachikoma is listening");
  // Windows has no such signal.
  if (server.replaceAll !== undefined && process.platform !== "win32")
    terminal.onSignal(["SIGUSR2"], () => void server.replaceAll?.());

  const signal = await untilStop(stopRequested, server, logger);
  await server.stop(signal);
  logger.info({ signal }, "Tachikoma has stopped");
  return EXIT_CODES.ok;
}

function workersField(workerCount: number): { readonly workers?: number } {
  return workerCount === 1 ? {} : { workers: workerCount };
}

/** What cannot go on is stopped too, before it is told. */
async function untilStop(
  stopRequested: Promise<NodeJS.Signals>,
  server: RunningServer,
  logger: Logger,
): Promise<NodeJS.Signals> {
  if (server.failed === undefined) return stopRequested;
  try {
    return await Promise.race([stopRequested, server.failed]);
  } catch (error) {
    logger.error({ err: error }, "Stopping: a process of the server keeps on ending");
    await server.stop();
    throw error;
  }
}

/** Resolves at the first signal. A later one ends the process on the spot. */
function watchSignals(terminal: Terminal, logger: Logger): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let state = RUNNING;
  terminal.onSignal(["SIGINT", "SIGTERM"], (signal) => {
    const next = decideSignal(state, terminal.monotonicMs());
    state = next.state;
    if (next.decision === "stop-at-once") terminal.exitAtOnce(signalExitCode(signal));
    if (next.decision !== "stop") return;
    logger.info({ signal }, "Stopping; another signal stops at once");
    resolve(signal);
  });
  return promise;
}
