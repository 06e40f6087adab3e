/** The HTTP surface: health, metrics, the small API, and the console's files. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { TachikomaError } from "@tachikoma/protocol";
import { addRoute, createRouter, findRoute } from "rou3";
import { identityFor } from "../core/credential.ts";
import type { Logger } from "../core/ports.ts";
import type { SessionServer } from "../core/session-server.ts";
import { EXPOSITION_CONTENT_TYPE } from "../metrics/exposition.ts";
import type { DoorKeeper } from "./door.ts";
import { getMessages, postMessage } from "./http/channel-routes.ts";
import type { RouteRequest, RouteResponse } from "./http/route.ts";
import type { StaticFiles } from "./http/static-files.ts";
import { idParameter } from "./id-parameter.ts";
import { type loopbackHostFault, originFault } from "./origin.ts";
import { refusalFor, sendRefusal, urlOf } from "./refusal.ts";
import { WEBSOCKET_PATHS } from "./websocket-gateway.ts";

export interface HttpGatewayOptions {
  readonly door: DoorKeeper;
  readonly logger: Logger;
  readonly core: () => Promise<SessionServer>;
  readonly readiness: () => Promise<Readiness>;
  readonly expose: () => string;
  readonly stats: (core: SessionServer) => object;
  readonly files: StaticFiles;
  readonly allowedOrigins: readonly string[];
  readonly requestFault: typeof loopbackHostFault;
  readonly isWebSocketEnabled: boolean;
  readonly maxBodyBytes: number;
}

/** Whether new connections and requests should come here. */
export type Readiness = "ready" | "starting" | "stopping" | "store";

type Handler = (core: SessionServer, request: RouteRequest) => Promise<RouteResponse> | RouteResponse;

export class HttpGateway {
  readonly #options: HttpGatewayOptions;
  readonly #routes = createRouter<Handler>();

  constructor(options: HttpGatewayOptions) {
    this.#options = options;
    addRoute(this.#routes, "POST", "/api/channels/:channel/messages", postMessage);
    addRoute(this.#routes, "GET", "/api/channels/:channel/messages", getMessages);
    addRoute(this.#routes, "GET", "/api/stats", (core) => ({
      status: 200,
      json: JSON.stringify(options.stats(core)),
    }));
  }

  /** Answers the request when its path is one of ours; false leaves it to others. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = urlOf(request);
    if (url === undefined) return false;
    try {
      return (
        (await this.#answerOpenly(request, response, url.pathname)) ||
        (await this.#answerApi(request, response, url))
      );
    } catch (cause) {
      const refusal = refusalFor(cause);
      if (refusal.code === "INTERNAL") this.#options.logger.error({ err: cause }, "Request failed");
      sendRefusal(response, refusal);
      return true;
    }
  }

  /** What anyone may see: it tells nothing of what the server holds. */
  async #answerOpenly(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> {
    const { readiness, isWebSocketEnabled, files } = this.#options;
    if (isWebSocketEnabled && WEBSOCKET_PATHS.has(path)) throw new TachikomaError("UPGRADE_REQUIRED");
    if (request.method !== "GET" && request.method !== "HEAD") return false;
    if (path === "/healthz") return sendJson(response, 200, `{"status":"ok"}`);
    if (path === "/readyz") {
      const reason = await readiness();
      return reason === "ready"
        ? sendJson(response, 200, `{"status":"ready"}`)
        : sendJson(response, 503, JSON.stringify({ status: "not_ready", reason }));
    }
    return files.serve(request, response, path);
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const { door, allowedOrigins, requestFault, maxBodyBytes } = this.#options;
    const isMetrics = url.pathname === "/metrics";
    if (!isMetrics && !url.pathname.startsWith("/api/")) return false;
    const fault = originFault(request, allowedOrigins) ?? requestFault(request);
    if (fault !== undefined) throw new TachikomaError("FORBIDDEN", fault);
    const credential = await door.admit(request, url);
    if (isMetrics) {
      response.writeHead(200, { "content-type": EXPOSITION_CONTENT_TYPE, "cache-control": "no-store" });
      response.end(this.#options.expose());
      return true;
    }
    const route = findRoute(this.#routes, request.method ?? "GET", url.pathname);
    if (route === undefined) throw this.#noRoute(url.pathname);
    const clientId = idParameter(url, "client_id");
    const identity = identityFor(credential, clientId, undefined, () => "http");
    const parameters = decodedParameters(route.params ?? {});
    const core = await this.#options.core();
    const answer = await route.data(core, { incoming: request, url, parameters, identity, maxBodyBytes });
    return sendJson(response, answer.status, answer.json);
  }

  #noRoute(path: string): TachikomaError {
    const other = ["GET", "POST"].some((method) => findRoute(this.#routes, method, path) !== undefined);
    return other ? new TachikomaError("METHOD_NOT_ALLOWED") : new TachikomaError("NOT_FOUND");
  }
}

function sendJson(response: ServerResponse, status: number, json: string): true {
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(json),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(json);
  return true;
}

function decodedParameters(parameters: Readonly<Record<string, string>>): Record<string, string> {
  try {
    return Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
  } catch {
    throw new TachikomaError("INVALID_MESSAGE", "The path is not percent-encoded as it should be");
  }
}
