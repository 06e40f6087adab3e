/** What was asked for on the command line. */

import { ProfileError, parseProvision } from "../profile.ts";
import type { Provisions } from "../requirements.ts";

export interface CommandLine {
  readonly urls: readonly URL[];
  readonly httpBase: URL | undefined;
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  readonly profilePath: string | undefined;
  readonly provisions: Provisions;
  readonly only: readonly string[];
  /** Where the JSON goes; `-` is standard output, `undefined` nowhere. */
  readonly jsonPath: string | undefined;
  readonly action: "run" | "list" | "requirements" | "help" | "version";
  readonly timeoutMs: number;
  readonly jobs: number;
  readonly isVerbose: boolean;
  readonly isSpread: boolean;
}

/** The command line cannot be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_JOBS = 16;
const MAX_TIMEOUT_MS = 60_000;
const MAX_JOBS = 256;

const VALUED = [
  "--token",
  "--only",
  "--profile",
  "--provide",
  "--http",
  "--namespace",
  "--timeout-ms",
  "--jobs",
];
const ACTIONS = {
  "--list": "list",
  "--requirements": "requirements",
  "--help": "help",
  "--version": "version",
} as const;

/** @throws UsageError */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const values = new Map<string, string[]>();
  const urls: URL[] = [];
  let action: CommandLine["action"] = "run";
  let jsonPath: string | undefined;
  let isVerbose = false;
  let isSpread = false;
  const rest = [...argv];
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    const { name, inline } = splitOption(next);
    if (Object.hasOwn(ACTIONS, name)) action = ACTIONS[name as keyof typeof ACTIONS];
    else if (name === "-h") action = "help";
    else if (name === "--verbose") isVerbose = true;
    else if (name === "--spread") isSpread = true;
    else if (name === "--json") jsonPath = inline ?? takeFile(rest);
    else if (VALUED.includes(name)) {
      const value = inline ?? rest.shift();
      if (value === undefined) throw new UsageError(`${name} needs a value`);
      values.set(name, [...(values.get(name) ?? []), value]);
    } else if (name.startsWith("-")) throw new UsageError(`There is no option ${name}`);
    else urls.push(webSocketAddress(next));
  }
  const last = (name: string) => values.get(name)?.at(-1);
  const http = last("--http");
  if (action === "run" && urls.length === 0)
    throw new UsageError("Which server? Give its address, like ws://127.0.0.1:3000/ws");
  return {
    urls,
    httpBase: http === undefined ? undefined : httpAddress(http),
    token: last("--token"),
    namespace: last("--namespace"),
    profilePath: last("--profile"),
    provisions: provisionsOf(values.get("--provide") ?? []),
    only: (values.get("--only") ?? []).flatMap((text) => text.split(",")).filter((text) => text !== ""),
    jsonPath,
    action,
    timeoutMs: numberOf("--timeout-ms", last("--timeout-ms"), DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS),
    jobs: numberOf("--jobs", last("--jobs"), DEFAULT_JOBS, MAX_JOBS),
    isVerbose,
    isSpread,
  };
}

function splitOption(text: string): { readonly name: string; readonly inline: string | undefined } {
  const equalSign = text.startsWith("--") ? text.indexOf("=") : -1;
  if (equalSign === -1) return { name: text, inline: undefined };
  return { name: text.slice(0, equalSign), inline: text.slice(equalSign + 1) };
}

/** The path behind `--json`; without one the JSON goes to standard output. */
function takeFile(rest: string[]): string {
  const next = rest[0];
  const isPath = next !== undefined && (next === "-" || !next.startsWith("-")) && !/^wss?:/.test(next);
  return isPath ? rest.shift()! : "-";
}

function webSocketAddress(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^wss?:$/.test(url.protocol))
    throw new UsageError(`${JSON.stringify(text)} is not a ws:// or wss:// address`);
  if (url.pathname === "/") url.pathname = "/ws";
  return url;
}

function httpAddress(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${JSON.stringify(text)} is not an http:// or https:// address`);
  return url;
}

function provisionsOf(texts: readonly string[]): Provisions {
  try {
    return Object.assign({}, ...texts.map(parseProvision)) as Provisions;
  } catch (cause) {
    if (cause instanceof ProfileError) throw new UsageError(`--provide: ${cause.message}`);
    throw cause;
  }
}

function numberOf(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new UsageError(`${name} is ${JSON.stringify(text)}, allowed are 1 to ${max}`);
}
