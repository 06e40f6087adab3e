/** What `tail`, `send` and `run` have in common: their options, and a client that is connected. */
import { type ConnectionStatus, connect, type TachikomaClient } from "@tachikoma/client";
import type { Environment } from "../config/environment.ts";
import type { ParsedArguments } from "./arguments.ts";
import type { OptionSpec } from "./command.ts";
import { type ConnectTarget, diagnoseConnect } from "./connect-diagnosis.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { CliFailure } from "./failure.ts";
import { webSocketUrl } from "./server-url.ts";
import type { Terminal } from "./terminal.ts";

const DEFAULT_URL = "ws://127.0.0.1:3000/ws";
/** In the order in which they are asked. */
const TOKEN_VARIABLES = ["TACHIKOMA_TOKEN", "TACHIKOMA_SECURITY__API_KEY"];

export const CLIENT_OPTIONS: readonly OptionSpec[] = [
  { name: "url", short: "u", value: "URL", summary: "Address of the server", defaultText: DEFAULT_URL },
  {
    name: "token",
    value: "TOKEN",
    summary: "API key or token; a variable keeps it out of the list of processes",
    defaultText: TOKEN_VARIABLES.join(", else "),
  },
  {
    name: "client-id",
    value: "ID",
    summary: "Name of this device or process",
    defaultText: "what the server gives",
  },
];

/** Connects, gives the client to `use`, and closes it. */
export async function withClient<Result>(
  args: ParsedArguments,
  terminal: Terminal,
  use: (client: TachikomaClient) => Promise<Result>,
): Promise<Result> {
  const target = connectTarget(args, terminal.env);
  const client = connect(target.url, {
    ...(target.token === undefined ? {} : { token: target.token }),
    ...(target.clientId === undefined ? {} : { clientId: target.clientId }),
  });
  const lastError = { value: undefined as Error | undefined };
  client.on("error", (error) => {
    lastError.value = error;
  });
  try {
    await untilOnline(client, target);
    const stopReporting = reportInterruptions(client, terminal);
    try {
      return await Promise.race([use(client), untilRefused(client, lastError)]);
    } finally {
      stopReporting();
    }
  } finally {
    client.close();
  }
}

function connectTarget(args: ParsedArguments, env: Environment): ConnectTarget {
  const fromEnv = TOKEN_VARIABLES.map((name) => env[name]).find(
    (value) => value !== undefined && value !== "",
  );
  return {
    url: webSocketUrl(args.value("url") ?? DEFAULT_URL),
    token: args.value("token") ?? fromEnv,
    clientId: args.value("client-id"),
  };
}

/** The client would try for ever; someone at a terminal wants to know at the first failure. */
async function untilOnline(client: TachikomaClient, target: ConnectTarget): Promise<void> {
  const { state } = await statusWhere(client, ({ state }) => state !== "connecting");
  if (state !== "online") throw await diagnoseConnect(target);
}

/** Rejects when the server says, later on, that coming back will not help. */
async function untilRefused(
  client: TachikomaClient,
  lastError: { readonly value: Error | undefined },
): Promise<never> {
  const status = await statusWhere(client, ({ state }) => state === "closed");
  const reason = status.state === "closed" ? `${status.reason} (close code ${status.code})` : "";
  throw new CliFailure(`the server ended the connection: ${reason.trim()}`, {
    exitCode: EXIT_CODES.unreachable,
    cause: lastError.value,
  });
}

function statusWhere(
  client: TachikomaClient,
  isWanted: (status: ConnectionStatus) => boolean,
): Promise<ConnectionStatus> {
  if (isWanted(client.status)) return Promise.resolve(client.status);
  const { promise, resolve } = Promise.withResolvers<ConnectionStatus>();
  const stop = client.on("status", (status) => {
    if (!isWanted(status)) return;
    stop();
    resolve(status);
  });
  return promise;
}

/** Tells people that the connection is gone and is back; the client resumes by itself. */
function reportInterruptions(client: TachikomaClient, { err }: Terminal): () => void {
  let isOnline = true;
  return client.on("status", ({ state }) => {
    if (state === "online" && !isOnline) err.write(`${err.style.dim("-- connected again")}\n`);
    if (state === "waiting" && isOnline) err.write(`${err.style.dim("-- connection lost, trying again")}\n`);
    if (state === "online" || state === "waiting") isOnline = state === "online";
  });
}
