/** The server that configuration alone makes: model backends in place of code. */

import type { ExecutionSettings, Settings } from "./config/settings.ts";
import type { Logger } from "./core/ports.ts";
import { type CloseOptions, createServer, type ServerAddress } from "./create-server.ts";
import { anthropic } from "./executions/backends/anthropic.ts";
import { command } from "./executions/backends/command.ts";
import { demo } from "./executions/backends/demo.ts";
import { openAiCompatible } from "./executions/backends/openai-compatible.ts";
import type { Handler } from "./executions/handler.ts";
import type { ServerOptions } from "./server-options.ts";

export interface StandaloneServer {
  readonly address: ServerAddress;
  /** Its metrics in Prometheus text format. */
  metrics(): string;
  /** Stops within the drain timeout of the settings. */
  stop(options?: Pick<CloseOptions, "newcomers">): Promise<void>;
}

export interface StandaloneOptions extends Pick<ServerOptions, "store" | "exposeMetrics"> {
  readonly settings: Settings;
  readonly logger: Logger;
}

/** @throws CONFIG_INVALID, STORE_UNAVAILABLE, or what the operating system says of the address */
export async function startStandalone(options: StandaloneOptions): Promise<StandaloneServer> {
  const { settings, ...given } = options;
  const { logger } = given;
  const { executions, ...rest } = settings;
  const server = createServer({
    ...rest,
    ...given,
    executions: Object.fromEntries(
      Object.entries(executions).map(([name, execution]) => [
        name,
        {
          run: backendOf(execution, logger),
          maxDurationSecs: execution.maxDurationSecs,
          onOwnerLost: execution.onOwnerLost,
          backend: execution.backend,
          label: labelOf(name, execution),
        },
      ]),
    ),
  });
  try {
    const address = await server.listen();
    return { address, metrics: () => server.metrics(), stop: (how = {}) => server.close(how) };
  } catch (cause) {
    await server.close({ graceMs: 0 });
    throw cause;
  }
}

function backendOf(execution: ExecutionSettings, logger: Logger): Handler {
  const ports = { logger };
  switch (execution.backend) {
    case "demo":
      return demo({ ports });
    case "command":
      return command({ ...execution, limits: timeoutsOf(execution), ports });
    case "anthropic":
      return anthropic({ ...execution, limits: timeoutsOf(execution), ports });
    case "openai-compatible":
      return openAiCompatible({ ...execution, limits: timeoutsOf(execution), ports });
  }
}

function timeoutsOf(execution: { readonly firstByteTimeoutSecs: number; readonly idleTimeoutSecs: number }) {
  return {
    firstByteTimeoutMs: execution.firstByteTimeoutSecs * 1_000,
    idleTimeoutMs: execution.idleTimeoutSecs * 1_000,
  };
}

function labelOf(name: string, execution: ExecutionSettings): string {
  switch (execution.backend) {
    case "demo":
      return "demo, not a model";
    case "command":
      return `command ${execution.command[0] ?? name}`;
    default:
      return execution.model;
  }
}
