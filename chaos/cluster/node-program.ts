/** What runs in the process of a node, and how it is told what to do. */
import { fileURLToPath } from "node:url";
import type { RunningProcess } from "../../e2e/support/running-process.ts";
import type { NodeConfig } from "../node/node-config.ts";
import { COMPILE_CACHE } from "./compile-cache.ts";

/**
 * `embedded`: a program of these tests, with handlers whose every word is accounted for, and which takes orders.
 * `serve`: the command line as operators start it, with demo answers.
 */
export type NodeProgramName = "embedded" | "serve";

export interface NodeProgram {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Where it listens, and where there is such a line, why it does not. */
const READY = /^listening on (\d+)$|"url":"http:\/\/127\.0\.0\.1:(\d+)"|^not started: (.*)$/m;
const START_TIMEOUT_MS = 20_000;

const EMBEDDED = fileURLToPath(new URL("../node/main.ts", import.meta.url));
const COMMAND_LINE = fileURLToPath(new URL("../../packages/server/bin/tachikoma.mjs", import.meta.url));

export function nodeProgram(name: NodeProgramName, config: NodeConfig): NodeProgram {
  if (name === "embedded")
    return { argv: ["--conditions=source", EMBEDDED, JSON.stringify(config)], env: COMPILE_CACHE };
  const settings = {
    ...config.settings,
    server: { ...config.settings.server, port: 0, logFormat: "json" },
    database: { ...config.database, url: config.databaseUrl },
    executions: { model: { backend: "demo" } },
  };
  return {
    argv: ["--conditions=source", COMMAND_LINE, "serve"],
    env: { ...COMPILE_CACHE, ...variables("TACHIKOMA", settings) },
  };
}

/** The port on which it listens, or why it does not. */
export async function started(process_: RunningProcess): Promise<number | string> {
  const found = await process_.matched(READY, START_TIMEOUT_MS).catch((cause: unknown) => {
    if (!process_.hasEnded) throw cause;
  });
  const [, embeddedPort, servePort, refusal] = found ?? [];
  const port = embeddedPort ?? servePort;
  if (port !== undefined) return Number(port);
  const { stderr } = await process_.ended();
  return refusal ?? stderr;
}

/** `{ websocket: { pingIntervalSecs: 1 } }` as `TACHIKOMA_WEBSOCKET__PING_INTERVAL_SECS=1`. */
function variables(prefix: string, settings: object): Record<string, string> {
  const separator = prefix === "TACHIKOMA" ? "_" : "__";
  const entries = Object.entries(settings).flatMap(([key, value]): [string, string][] => {
    const name = `${prefix}${separator}${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    if (value === undefined) return [];
    return typeof value === "object" ? Object.entries(variables(name, value)) : [[name, String(value)]];
  });
  return Object.fromEntries(entries);
}
