import { formatProblem } from "../config/problem.ts";
import type { Settings } from "../config/settings.ts";
import type { Logger } from "../index.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { type RunningServer, runServer } from "./server-process.ts";
import { loadFromArguments, reportWarnings, SETTING_OPTIONS } from "./setting-options.ts";
import type { Terminal } from "./terminal.ts";

export const serveCommand: Command = {
  name: "serve",
  summary: "Run the server",
  details: [
    "Settings come from flags, then TACHIKOMA_* variables, then the configuration file, then defaults; tachikoma config shows them. SIGTERM or Ctrl-C lets running executions finish for server.drain_timeout_secs and ends with 0; a second one ends it at once with 143 or 130.",
    "With --workers N as many processes share the port, each a node of its own: on one SQLite file, which a process of its own serves to them, or on Redis. A worker that dies is started again. SIGUSR2 replaces all of them, one after the other, without a client noticing more than a reconnect.",
  ],
  positionals: [],
  options: SETTING_OPTIONS,
  examples: [
    { command: "tachikoma serve", meaning: "demo answers on http://127.0.0.1:3000" },
    {
      command: "tachikoma serve --config tachikoma.toml --port 4000",
      meaning: "a configuration and another port",
    },
    { command: "tachikoma serve --workers auto", meaning: "a process for each core" },
    {
      command: "tachikoma serve --database memory:// --set channels.default.presence=true",
      meaning: "any setting",
    },
  ],
  async run(args, terminal) {
    const loaded = loadFromArguments(args, terminal);
    const { settings } = loaded;
    // Loaded here, so that the other commands start without the server.
    const { createLogger } = await import("../index.ts");
    const isLogPretty = wantsPrettyLog(settings, terminal);
    const logger = createLogger({ level: settings.server.logLevel, pretty: isLogPretty });
    if (terminal.out.isTty) reportWarnings(loaded, terminal);
    else for (const warning of loaded.warnings) logger.warn({}, formatProblem(warning));
    endOnUncaughtErrors(logger);
    const { workerCountOf, startWorkers } = await import("../standalone/workers.ts");
    const workerCount = workerCountOf(settings);
    const start =
      workerCount === 1
        ? () => startOne(settings, logger)
        : () => startWorkers({ settings, logger, workerCount, isLogPretty });
    return await runServer({ settings, workerCount, logger, terminal, start });
  },
};

async function startOne(settings: Settings, logger: Logger): Promise<RunningServer> {
  const { startStandalone } = await import("../standalone.ts");
  const server = await startStandalone({ settings, logger });
  return { address: server.address, stop: () => server.stop() };
}

function wantsPrettyLog({ server }: Settings, { out }: Terminal): boolean {
  return server.logFormat === "pretty" || (server.logFormat === "auto" && out.isTty);
}

function endOnUncaughtErrors(logger: Logger): void {
  process.on("uncaughtException", (error) => {
    logger.error({ err: error }, "Uncaught error: the server ends");
    process.exit(EXIT_CODES.failure);
  });
}
