/**
 * `/v1/stream/*`: the Durable Streams protocol over our logs. A stream is a log of the server's own, its records are the
 * appends, and live reads are woken by the same loop that serves connections.
 *
 *   request --> stream-routes --> stream-service (decides) --> stream-logs (compare-and-append) --> LogHub, Store
 *                            `--> stream-reads --> stream-content, stream-watch <-- delivery loop
 */
import type { Clock, Logger, Random, Timer } from "../../core/ports.ts";
import type { SessionServer } from "../../core/session-server.ts";
import type { Route, RouteRequest, RouteResponse } from "../../gateway/http/route.ts";
import type { Store } from "../../stores/store.ts";
import { faultResponse } from "./stream-fault.ts";
import { MOUNT } from "./stream-path.ts";
import { StreamReads } from "./stream-reads.ts";
import {
  deleteStream,
  getStream,
  headStream,
  postStream,
  putStream,
  type StreamParts,
} from "./stream-routes.ts";
import { StreamService } from "./stream-service.ts";

export interface DurableStreamsSettings {
  readonly maxStreamBytes: number;
  readonly maxLiveReads: number;
  readonly longPollMs: number;
  readonly sseMs: number;
  readonly cache: "public" | "private";
}

export interface DurableStreamsOptions {
  readonly settings: DurableStreamsSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Streams whose time is over are looked for so often; reading one finds it over at once. */
const END_INTERVAL_MS = 5_000;
const MAX_ENDED_AT_ONCE = 100;

type Method = (parts: StreamParts, request: RouteRequest) => Promise<RouteResponse>;

export class DurableStreams {
  readonly #options: DurableStreamsOptions;
  #parts: StreamParts | undefined;
  #timer: Timer | undefined;

  constructor(options: DurableStreamsOptions) {
    this.#options = options;
  }

  get routes(): readonly Route[] {
    return [
      this.#route("PUT", putStream),
      this.#route("POST", postStream),
      this.#route("GET", getStream),
      this.#route("HEAD", headStream),
      this.#route("DELETE", deleteStream),
    ];
  }

  start(core: SessionServer, store: Store): void {
    const { clock, random, settings } = this.#options;
    const { hub, requests, nodeId } = core;
    const service = new StreamService({ hub, store, clock, random, nodeId, limits: settings });
    const reads = new StreamReads({ service, requests, clock, random, ...settings });
    this.#parts = { service, reads, requests };
    this.#next();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#parts?.reads.stop();
  }

  #route(method: Route["method"], answer: Method): Route {
    return { method, path: `${MOUNT}**:path`, answer: (_core, request) => this.#answer(answer, request) };
  }

  async #answer(method: Method, request: RouteRequest): Promise<RouteResponse> {
    try {
      return await method(this.#parts!, request);
    } catch (cause) {
      return faultResponse(cause);
    }
  }

  #next(): void {
    const timer = this.#options.clock.setTimer(END_INTERVAL_MS, () => {
      this.#endSome().then(() => {
        if (this.#timer === timer) this.#next();
      });
    });
    this.#timer = timer;
  }

  async #endSome(): Promise<void> {
    try {
      await this.#parts!.service.endSome(MAX_ENDED_AT_ONCE);
    } catch (cause) {
      this.#options.logger.warn({ err: cause }, "Streams whose time is over could not be deleted");
    }
  }
}
