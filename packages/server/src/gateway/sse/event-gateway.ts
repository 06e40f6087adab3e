/** From a request for `/events` to a connection of the core. Everything that can refuse does so before the stream begins. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { TachikomaError } from "@tachikoma/protocol";
import type { WebsocketSettings } from "../../config/settings.ts";
import type { Connection } from "../../core/connection/connection.ts";
import { eventDoor } from "../../core/connection/event-door.ts";
import type { Clock, Logger, Random } from "../../core/ports.ts";
import { retryAfterMs } from "../admission.ts";
import { type AdmittedPlace, admitSession } from "../admitted-place.ts";
import { type Entrance, type Entry, isResumeOf } from "../entrance.ts";
import { type Refusal, refusalFor, sendRefusal } from "../refusal.ts";
import { writeLimitsFor } from "../websocket/connection-writer.ts";
import { streamEndOf } from "./ended-stream.ts";
import { EventIds } from "./event-ids.ts";
import { type EventRequest, eventRequestOf } from "./event-request.ts";
import { closedStream, EventTransport } from "./event-transport.ts";

export interface EventGatewayOptions {
  /** Limits and times are those of WebSockets. */
  readonly settings: WebsocketSettings;
  readonly entrance: Entrance;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onRefused: (refusal: Refusal) => void;
}

const PATH = "/events";
const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
} as const;

/** Refusals that may be none the next time. */
const TEMPORARY: ReadonlySet<number> = new Set([429, 503]);

/** When a browser comes back by itself: spread, so that those who lost a server together do not come back together. */
const RETRY_RANGE_MS = [500, 3_000] as const;
const CLOSE_TIMEOUT_MS = 5_000;
/** What the connection is closed with when its peer is just gone. */
const ABNORMAL_CLOSE_CODE = 1006;

export class EventGateway {
  readonly #options: EventGatewayOptions;
  readonly #waiting = new Map<ServerResponse, (cause: unknown) => void>();

  constructor(options: EventGatewayOptions) {
    this.#options = options;
  }

  serves(url: URL): boolean {
    return url.pathname === PATH;
  }

  /** Requests that have neither become a stream nor been refused. */
  get pendingCount(): number {
    return this.#waiting.size;
  }

  /** Answers the request, with a stream that goes on after this has resolved. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { clock, settings } = this.#options;
    const timeoutMs = settings.connectionTimeoutSecs * 1_000;
    const timer = clock.setTimer(timeoutMs, () => {
      refuse(new TachikomaError("SERVER_NOT_READY", `The stream took longer than ${timeoutMs} ms to begin`));
    });
    const settle = () => {
      timer.cancel();
      return this.#waiting.delete(response);
    };
    const refuse = (cause: unknown) => {
      if (settle()) this.#refuse({ request, response, url }, cause);
    };
    this.#waiting.set(response, refuse);
    response.once("close", settle);
    await this.#open({ request, response, url, settle }).catch(refuse);
  }

  /** Refuses every request under way: what they wait for may never come. */
  close(): void {
    for (const refuse of this.#waiting.values()) {
      refuse(new TachikomaError("SERVER_NOT_READY", "The server is stopping"));
    }
  }

  #refuse({ request, response, url }: Omit<Opening, "settle">, cause: unknown): void {
    const refusal = refusalFor(cause);
    if (refusal.code === "INTERNAL") this.#options.logger.error({ err: cause }, "Event stream failed");
    this.#options.onRefused(refusal);
    const waitMs = retryAfterMs(isResumeOf(url), this.#options.random.fraction());
    if (TEMPORARY.has(refusal.status) && readsStreamsOnly(request)) {
      response.writeHead(200, HEADERS);
      response.end(closedStream(refusal.message, waitMs));
    } else sendRefusal(response, { ...refusal, retryAfterSecs: Math.ceil(waitMs / 1_000) });
  }

  async #open(opening: Opening): Promise<void> {
    const { request, response, url, settle } = opening;
    if (request.method !== "GET") throw new TachikomaError("METHOD_NOT_ALLOWED");
    const asked = eventRequestOf(url, request.headers);
    if (asked.isAfterEnd) return stop(opening);
    const isOver = () => !this.#waiting.has(response);
    const entry = await this.#options.entrance.enter({ request, url, isOver }, admitSession);
    if (entry === undefined) return;
    // What is asked now may never be answered: when the request is over, however it ends, nothing of it stays.
    response.once("close", entry.abandon);
    try {
      const { core } = entry;
      const { admitted } = entry.place;
      for (const { channel } of asked.followed) {
        await core.requests.require(admitted.identity, "subscribe", channel);
      }
      const end = await streamEndOf(core, admitted, asked);
      // While all that was asked it may have begun to stop, and closes the connections that it has.
      if (!core.isReady) throw new TachikomaError("SERVER_NOT_READY", "The server is stopping");
      if (end.isOver || !settle()) {
        entry.abandon();
        return end.isOver ? stop(opening) : undefined;
      }
      this.#stream(opening, { ...entry, asked, endsWith: end.endsWith });
    } catch (cause) {
      entry.abandon();
      throw cause;
    }
  }

  #stream({ request, response }: Opening, { core, place, leaveLane, asked, endsWith }: Stream): void {
    const { clock, random, settings } = this.#options;
    const [minMs, maxMs] = RETRY_RANGE_MS;
    response.writeHead(200, HEADERS);
    response.write(`retry: ${Math.round(minMs + random.fraction() * (maxMs - minMs))}\n\n`);
    let connection: Connection | undefined;
    const transport = new EventTransport({
      response,
      ids: new EventIds(asked.followed),
      clock,
      lowMarkBytes: writeLimitsFor(settings.highWaterBytes).lowMarkBytes,
      onDrain: () => connection?.onDrain(),
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
    });
    // Heard before the connection is made, which may be closed at once.
    response.once("close", () => connection?.onClosed(ABNORMAL_CLOSE_CODE));
    response.on("error", () => response.destroy());
    connection = core.connect(place.admitted, {
      transport,
      door: eventDoor({ followed: asked.followed, endsWith }),
      peer: { userAgent: request.headers["user-agent"], address: request.socket.remoteAddress },
      onStarted: leaveLane,
      arePositionsFromClient: asked.arePositionsFromClient,
    });
  }
}

/** A browser's `EventSource` gives up for good on any answer but a stream. Programs that ask for more see the status. */
function readsStreamsOnly({ headers }: IncomingMessage): boolean {
  return headers.accept?.trim() === "text/event-stream";
}

/** Tells a client that comes back by itself to stay away: there is nothing more. */
function stop({ response, settle }: Opening): void {
  if (!settle()) return;
  response.writeHead(204, { "cache-control": "no-store" });
  response.end();
}

interface Opening {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Ends the wait; false when it was over before: refused, or its peer gone. */
  readonly settle: () => boolean;
}

interface Stream extends Entry<AdmittedPlace> {
  readonly asked: EventRequest;
  readonly endsWith: string | undefined;
}
