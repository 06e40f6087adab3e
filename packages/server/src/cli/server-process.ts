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
  stop(reason?: string): Promise<void>;
}

export interface ServerProcess {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly terminal: Terminal;
  readonly start: () => Promise<RunningServer>;
}

export async function runServer({ settings, logger, terminal, start }: ServerProcess): Promise<ExitCode> {
  // Before the start: a signal that arrives meanwhile is obeyed as soon as there is something to stop.
  const stopRequested = watchSignals(terminal, logger);
  const server = await start().catch((error: unknown) => {
    throw listenFailure(error, settings.server);
  });
  const { url } = server.address;
  if (terminal.out.isTty) terminal.out.write(banner(settings, url, packageVersion(), terminal.out.style));
  else logger.info({ url, version: packageVersion() }, "Tachikoma is listening");

  const signal = await stopRequested;
  await server.stop(signal);
  logger.info({ signal }, "Tachikoma has stopped");
  return EXIT_CODES.ok;
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
