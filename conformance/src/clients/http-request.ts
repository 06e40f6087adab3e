/** One HTTP request, or an upgrade that the server is to refuse. */
import { type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { within } from "../deadline.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body, where it is a JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  /** Sent with POST. @default nothing, with GET */
  readonly body?: string | undefined;
  /** @default POST with a body, else GET */
  readonly method?: string | undefined;
}

export const UPGRADE_HEADERS = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
} as const;

/** An upgrade that is made has no body: its answer is the 101, and the connection is dropped. */
export function httpRequest({ url, headers, deadlineMs, body, method }: HttpRequest): Promise<HttpAnswer> {
  const request = url.protocol === "https:" ? requestSecure : requestPlain;
  const answered = new Promise<HttpAnswer>((resolve, reject) => {
    const verb = method ?? (body === undefined ? "GET" : "POST");
    const outgoing = request(url, { method: verb, headers, agent: false });
    outgoing.once("response", (response) => readAnswer(response).then(resolve, reject));
    outgoing.once("upgrade", (response: IncomingMessage, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: "", json: undefined });
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
  return within(deadlineMs, `the answer to GET ${url.pathname}`, answered);
}

export async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  const text = Buffer.concat(pieces).toString("utf8");
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: parseObject(text) };
}

function parseObject(text: string): HttpAnswer["json"] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as HttpAnswer["json"]) : undefined;
  } catch {
    return undefined;
  }
}
