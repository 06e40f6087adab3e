import { formatProblem } from "../config/problem.ts";
import type { Settings } from "../config/settings.ts";
import type { Logger } from "../core/ports.ts";
import { createLogger } from "../platform/logger.ts";
import { banner } from "./banner.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES, type ExitCode } from "./exit-code.ts";
import { listenFailure } from "./listen-failure.ts";
import { loadFromArguments, reportWarnings, SETTING_OPTIONS } from "./setting-options.ts";
import { decideSignal, RUNNING, signalExitCode } from "./shutdown.ts";
import type { Terminal } from "./terminal.ts";
import { packageVersion } from "./version.ts";

export const serveCommand: Command = {
  name: "serve",
  summary: "Run the server",
  details: [
    "Settings come from flags, then TACHIKOMA_* variables, then the configuration file, then defaults; tachikoma config shows them. SIGTERM or Ctrl-C lets running executions finish for server.drain_timeout_secs and ends with 0; a second one ends it at once with 143 or 130.",
  ],
  positionals: [],
  options: SETTING_OPTIONS,
  examples: [
    { command: "tachikoma serve", meaning: "demo answers on http://127.0.0.1:3000" },
    {
      command: "tachikoma serve --config tachikoma.toml --port 4000",
      meaning: "a configuration and another port",
    },
    {
      command: "tachikoma serve --database memory:// --set channels.default.presence=true",
      meaning: "any setting",
    },
  ],
  async run(args, terminal) {
    const loaded = loadFromArguments(args, terminal);
    const { settings } = loaded;
    const logger = createLogger({
      level: settings.server.logLevel,
      pretty: wantsPrettyLog(settings, terminal),
    });
    if (terminal.out.isTty) reportWarnings(loaded, terminal);
    else for (const warning of loaded.warnings) logger.warn({}, formatProblem(warning));
    return await serve(settings, logger, terminal);
  },
};

function wantsPrettyLog({ server }: Settings, { out }: Terminal): boolean {
  return server.logFormat === "pretty" || (server.logFormat === "auto" && out.isTty);
}

async function serve(settings: Settings, logger: Logger, terminal: Terminal): Promise<ExitCode> {
  endOnUncaughtErrors(logger);
  const stopRequested = watchSignals(terminal, logger);
  // Loaded here, so that the other commands start without the server.
  const { startStandalone } = await import("../standalone.ts");
  const server = await startStandalone({ settings, logger }).catch((error: unknown) => {
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
    const next = decideSignal(state, performance.now());
    state = next.state;
    if (next.decision === "stop-at-once") process.exit(signalExitCode(signal));
    if (next.decision === "ignore") return;
    logger.info({ signal }, "Stopping; the same signal again stops at once");
    resolve(signal);
  });
  return promise;
}

function endOnUncaughtErrors(logger: Logger): void {
  process.on("uncaughtException", (error) => {
    logger.error({ err: error }, "Uncaught error: the server ends");
    process.exit(EXIT_CODES.failure);
  });
}
