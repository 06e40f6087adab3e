import type { IncomingMessage } from "node:http";
import type { Credential } from "../../core/credential.ts";
import type { Identity } from "../../core/identity.ts";
import type { SessionServer } from "../../core/session-server.ts";
import type { Refusal } from "../refusal.ts";

/** A request that has come through the door. */
export interface RouteRequest {
  readonly incoming: IncomingMessage;
  readonly url: URL;
  /** What stands in the path for the names of the route, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly identity: Identity;
  /** What the door found; `identity` is made of it, with the client that the query names. */
  readonly credential: Credential;
  readonly maxBodyBytes: number;
  /** Aborted when whoever asked is gone. */
  readonly signal: AbortSignal;
}

export type RouteResponse = WholeResponse | StreamResponse;

/** An answer that is there. */
export interface WholeResponse {
  readonly status: number;
  /** JSON text. */
  readonly json?: string;
  /** Beside `json`, or instead of it for other content. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Content that is no JSON; without both there is none. */
  readonly body?: string | Uint8Array;
}

/** An answer that comes in pieces. Its stream has to end when the signal of the request is aborted. */
export interface StreamResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: AsyncIterable<string | Uint8Array>;
  /** Written when nothing else was for so long, so that what is between does not take the connection for dead. */
  readonly keepAlive?: { readonly text: string; readonly everyMs: number };
}

export type RouteHandler = (
  core: SessionServer,
  request: RouteRequest,
) => Promise<RouteResponse> | RouteResponse;

/** One line of the table of routes. */
export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** `:name` stands for a segment, `**:name` for the rest of the path. */
  readonly path: string;
  readonly answer: RouteHandler;
  /** The body of a refusal as the clients of this path read it. @default `{"code", "message"}` */
  readonly refusalJson?: (refusal: Refusal) => string;
}
