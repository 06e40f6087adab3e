/**
 * Why a connection cannot be made. A WebSocket tells its user nothing about a refused upgrade, so this asks once more and
 * reads the HTTP answer.
 */
import { randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { redactText } from "../config/redact.ts";
import { EXIT_CODES } from "./exit-code.ts";
import { CliFailure } from "./failure.ts";
import { withoutControlCharacters } from "./style.ts";

const DIAGNOSIS_TIMEOUT_MS = 3000;
const MAX_ANSWER_CHARS = 300;

export interface ConnectTarget {
  readonly url: string;
  readonly token: string | undefined;
  readonly clientId: string | undefined;
}

export async function diagnoseConnect(target: ConnectTarget): Promise<CliFailure> {
  const answer = await askForUpgrade(target);
  const shownUrl = redactText(target.url);
  const unreachable = (message: string, hint?: string) =>
    new CliFailure(message, { exitCode: EXIT_CODES.unreachable, hint });
  switch (answer.kind) {
    case "failed":
      return unreachable(`cannot connect to ${shownUrl}: ${faultText(answer.code)}`, hintFor(answer.code));
    case "refused": {
      const text = withoutControlCharacters(answer.text);
      const hint =
        answer.status === 401 ? "give the server's API key with --token or TACHIKOMA_TOKEN" : undefined;
      return unreachable(`${shownUrl} refused the connection: ${answer.status} ${text}`.trim(), hint);
    }
    case "upgraded":
      return unreachable(`the connection to ${shownUrl} ended before the server welcomed it`);
  }
}

type UpgradeAnswer =
  | { readonly kind: "upgraded" }
  | { readonly kind: "refused"; readonly status: number; readonly text: string }
  | { readonly kind: "failed"; readonly code: string };

function askForUpgrade({ url, token, clientId }: ConnectTarget): Promise<UpgradeAnswer> {
  const address = new URL(url.replace(/^ws/, "http"));
  if (token !== undefined) address.searchParams.set("token", token);
  if (clientId !== undefined) address.searchParams.set("client_id", clientId);
  const makeRequest = address.protocol === "https:" ? httpsRequest : httpRequest;
  const { promise, resolve } = Promise.withResolvers<UpgradeAnswer>();
  const request = makeRequest(address, {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
    },
    timeout: DIAGNOSIS_TIMEOUT_MS,
  });
  request.on("upgrade", (_response, socket) => {
    socket.destroy();
    resolve({ kind: "upgraded" });
  });
  request.on("response", (response) => void readAnswer(response).then(resolve));
  request.on("timeout", () => request.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })));
  request.on("error", (error: NodeJS.ErrnoException) =>
    resolve({ kind: "failed", code: error.code ?? "unknown" }),
  );
  request.end();
  return promise;
}

async function readAnswer(response: IncomingMessage): Promise<UpgradeAnswer> {
  const status = response.statusCode ?? 0;
  let body = "";
  try {
    response.setEncoding("utf8");
    for await (const part of response) {
      body += String(part);
      if (body.length > MAX_ANSWER_CHARS) break;
    }
  } catch {
    // The status alone says enough.
  }
  return { kind: "refused", status, text: answerText(body, response.statusMessage ?? "") };
}

/** The message of an error in JSON, else the text itself, else the status line's. */
function answerText(body: string, statusMessage: string): string {
  const text = body.trim().slice(0, MAX_ANSWER_CHARS);
  if (text === "" || text.startsWith("<")) return statusMessage;
  try {
    const { message, error } = JSON.parse(text) as { message?: unknown; error?: unknown };
    if (typeof message === "string") return message;
    if (typeof error === "string") return error;
    const inner = (error as { message?: unknown } | undefined)?.message;
    return typeof inner === "string" ? inner : statusMessage;
  } catch {
    return text;
  }
}

function faultText(code: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return "nothing listens there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the host name is not known";
    case "ETIMEDOUT":
      return "no answer in time";
    case "ECONNRESET":
      return "the connection was cut";
    default:
      return code;
  }
}

function hintFor(code: string): string | undefined {
  return code === "ECONNREFUSED"
    ? "is the server running? `tachikoma serve` starts one; --url names another"
    : undefined;
}
