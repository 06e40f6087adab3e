/** The HTTP surface: health, metrics, the small API, and the console's files. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { TachikomaError } from "@tachikoma/protocol";
import { addRoute, createRouter, findRoute } from "rou3";
import { identityFor } from "../core/credential.ts";
import type { Clock, Logger } from "../core/ports.ts";
import type { SessionServer } from "../core/session-server.ts";
import { EXPOSITION_CONTENT_TYPE } from "../metrics/exposition.ts";
import { answerPreflight, isPreflight, shareWithOrigin } from "./cross-origin.ts";
import type { DoorKeeper } from "./door.ts";
import type { Route } from "./http/route.ts";
import { sendResponse, sendWhole } from "./http/send-response.ts";
import type { StaticFiles } from "./http/static-files.ts";
import { idParameter } from "./id-parameter.ts";
import { type loopbackHostFault, originFault } from "./origin.ts";
import { refusalFor, sendRefusal, urlOf } from "./refusal.ts";
import type { EventGateway } from "./sse/event-gateway.ts";

export interface HttpGatewayOptions {
  readonly door: DoorKeeper;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly core: () => Promise<SessionServer>;
  readonly events: EventGateway;
  readonly readiness: () => Promise<Readiness>;
  readonly expose: () => Promise<string>;
  readonly stats: (core: SessionServer) => object;
  readonly files: () => StaticFiles;
  readonly allowedOrigins: readonly string[];
  readonly requestFault: typeof loopbackHostFault;
  /** Whether a path is one that has to be upgraded. */
  readonly isWebSocketPath: (path: string) => boolean;
  readonly maxBodyBytes: number;
  readonly routes: readonly Route[];
}

/** Whether new connections and requests should come here. */
export type Readiness = "ready" | "starting" | "stopping" | "store";

const METRICS_PATH = "/metrics";
const METHODS: readonly Route["method"][] = ["GET", "HEAD", "POST", "PUT", "DELETE"];

export class HttpGateway {
  readonly #options: HttpGatewayOptions;
  readonly #routes = createRouter<Route>();

  constructor(options: HttpGatewayOptions) {
    this.#options = options;
    for (const route of [...options.routes, this.#statsRoute()]) {
      addRoute(this.#routes, route.method, route.path, route);
    }
  }

  /** Answers the request when its path is one of ours; false leaves it to others. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = urlOf(request);
    if (url === undefined) return false;
    try {
      if (await this.#answerOpenly(request, response, url.pathname)) return true;
      if (!this.#isOurs(url)) return false;
      await this.#answerOurs(request, response, url);
      return true;
    } catch (cause) {
      const refusal = refusalFor(cause);
      if (refusal.code === "INTERNAL") this.#options.logger.error({ err: cause }, "Request failed");
      sendRefusal(response, refusal, this.#routeOf(url.pathname)?.refusalJson);
      return true;
    }
  }

  /** What anyone may see: it tells nothing of what the server holds. */
  async #answerOpenly(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> {
    const { readiness, isWebSocketPath, files } = this.#options;
    if (isWebSocketPath(path)) throw new TachikomaError("UPGRADE_REQUIRED");
    if (request.method !== "GET" && request.method !== "HEAD") return false;
    if (path === "/healthz") return answerJson(response, 200, { status: "ok" });
    if (path === "/readyz") {
      const reason = await readiness();
      return reason === "ready"
        ? answerJson(response, 200, { status: "ready" })
        : answerJson(response, 503, { status: "not_ready", reason });
    }
    return files().serve(request, response, path);
  }

  async #answerOurs(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { allowedOrigins, requestFault, events } = this.#options;
    shareWithOrigin(request, response, allowedOrigins);
    // Browsers send it without a credential. A page that is not allowed is not named in the answer, and goes no further.
    if (isPreflight(request)) return answerPreflight(request, response);
    const fault = originFault(request, allowedOrigins) ?? requestFault(request);
    if (fault !== undefined) throw new TachikomaError("FORBIDDEN", fault);
    if (events.serves(url)) await events.handle(request, response, url);
    else await this.#answerApi(request, response, url);
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { door, maxBodyBytes, clock } = this.#options;
    const credential = await door.admit(request, url);
    if (url.pathname === METRICS_PATH) {
      const headers = { "content-type": EXPOSITION_CONTENT_TYPE };
      sendWhole(response, { status: 200, headers, body: await this.#options.expose() });
      return;
    }
    const found = findRoute(this.#routes, request.method ?? "GET", url.pathname);
    if (found === undefined) throw this.#noRoute(url.pathname);
    const clientId = idParameter(url, "client_id");
    const identity = identityFor(credential, clientId, undefined, () => "http");
    const parameters = decodedParameters(found.params ?? {});
    const core = await this.#options.core();
    const { signal } = abortOnClose(response);
    const routeRequest = { incoming: request, url, parameters, identity, credential, maxBodyBytes, signal };
    await sendResponse(response, await found.data.answer(core, routeRequest), clock);
  }

  /** Under `/api/` everything is, so that a name that is wrong is told to be. */
  #isOurs(url: URL): boolean {
    const { pathname } = url;
    if (pathname === METRICS_PATH || pathname.startsWith("/api/")) return true;
    return this.#options.events.serves(url) || this.#hasRoute(pathname);
  }

  #hasRoute(path: string): boolean {
    return this.#routeOf(path) !== undefined;
  }

  /** A route of this path, whatever its method. */
  #routeOf(path: string): Route | undefined {
    for (const method of METHODS) {
      const found = findRoute(this.#routes, method, path);
      if (found !== undefined) return found.data;
    }
    return undefined;
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
