/** The HTTP surface: health, metrics, the small API, and the console's files. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { TachikomaError } from "@tachikoma/protocol";
import { addRoute, createRouter, findRoute } from "rou3";
import { identityFor } from "../core/credential.ts";
import type { Clock, Logger } from "../core/ports.ts";
import type { SessionServer } from "../core/session-server.ts";
import { EXPOSITION_CONTENT_TYPE } from "../metrics/exposition.ts";
import type { DoorKeeper } from "./door.ts";
import type { Route } from "./http/route.ts";
import { routes } from "./http/routes.ts";
import { sendResponse, sendWhole } from "./http/send-response.ts";
import type { StaticFiles } from "./http/static-files.ts";
import { idParameter } from "./id-parameter.ts";
import { type loopbackHostFault, originFault } from "./origin.ts";
import { refusalFor, sendRefusal, urlOf } from "./refusal.ts";
import { WEBSOCKET_PATHS } from "./websocket-gateway.ts";

export interface HttpGatewayOptions {
  readonly door: DoorKeeper;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly core: () => Promise<SessionServer>;
  readonly readiness: () => Promise<Readiness>;
  readonly expose: () => Promise<string>;
  readonly stats: (core: SessionServer) => object;
  readonly files: StaticFiles;
  readonly allowedOrigins: readonly string[];
  readonly requestFault: typeof loopbackHostFault;
  readonly isWebSocketEnabled: boolean;
  readonly maxBodyBytes: number;
}

/** Whether new connections and requests should come here. */
export type Readiness = "ready" | "starting" | "stopping" | "store";

const METHODS: readonly Route["method"][] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

export class HttpGateway {
  readonly #options: HttpGatewayOptions;
  readonly #routes = createRouter<Route>();

  constructor(options: HttpGatewayOptions) {
    this.#options = options;
    for (const route of [...routes, this.#statsRoute()]) {
      addRoute(this.#routes, route.method, route.path, route);
    }
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
    if (path === "/healthz") return answerJson(response, 200, { status: "ok" });
    if (path === "/readyz") {
      const reason = await readiness();
      return reason === "ready"
        ? answerJson(response, 200, { status: "ready" })
        : answerJson(response, 503, { status: "not_ready", reason });
    }
    return files.serve(request, response, path);
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const { door, allowedOrigins, requestFault, maxBodyBytes, clock } = this.#options;
    const isMetrics = url.pathname === "/metrics";
    if (!isMetrics && !this.#isOurs(url.pathname)) return false;
    const fault = originFault(request, allowedOrigins) ?? requestFault(request);
    if (fault !== undefined) throw new TachikomaError("FORBIDDEN", fault);
    const credential = await door.admit(request, url);
    if (isMetrics) {
      const headers = { "content-type": EXPOSITION_CONTENT_TYPE };
      sendWhole(response, { status: 200, headers, body: await this.#options.expose() });
      return true;
    }
    const found = findRoute(this.#routes, request.method ?? "GET", url.pathname);
    if (found === undefined) throw this.#noRoute(url.pathname);
    const clientId = idParameter(url, "client_id");
    const identity = identityFor(credential, clientId, undefined, () => "http");
    const parameters = decodedParameters(found.params ?? {});
    const core = await this.#options.core();
    const { signal } = abortOnClose(response);
    const routeRequest = { incoming: request, url, parameters, identity, maxBodyBytes, signal };
    await sendResponse(response, await found.data.answer(core, routeRequest), clock);
    return true;
  }

  /** Under `/api/` everything is, so that a name that is wrong is told to be. */
  #isOurs(path: string): boolean {
    return path.startsWith("/api/") || this.#hasRoute(path);
  }

  #hasRoute(path: string): boolean {
    return METHODS.some((method) => findRoute(this.#routes, method, path) !== undefined);
  }

  #noRoute(path: string): TachikomaError {
    return new TachikomaError(this.#hasRoute(path) ? "METHOD_NOT_ALLOWED" : "NOT_FOUND");
  }

  #statsRoute(): Route {
    const { stats } = this.#options;
    return {
      method: "GET",
      path: "/api/stats",
      answer: (core) => ({ status: 200, json: JSON.stringify(stats(core)) }),
    };
  }
}

function answerJson(response: ServerResponse, status: number, body: object): true {
  sendWhole(response, { status, json: JSON.stringify(body) });
  return true;
}

function abortOnClose(response: ServerResponse): AbortController {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller;
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
