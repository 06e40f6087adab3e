/** Writes the answers of routes. */
import type { ServerResponse } from "node:http";
import type { Clock, Timer } from "../../core/ports.ts";
import { exposed } from "../cross-origin.ts";
import type { RouteResponse, StreamResponse, WholeResponse } from "./route.ts";

export async function sendResponse(
  response: ServerResponse,
  answer: RouteResponse,
  clock: Clock,
): Promise<void> {
  if ("stream" in answer) await sendStream(response, answer, clock);
  else sendWhole(response, answer);
}

export function sendWhole(response: ServerResponse, { status, json, headers, body }: WholeResponse): void {
  const content = json ?? body;
  const type = json === undefined ? {} : { "content-type": "application/json; charset=utf-8" };
  const length = content === undefined ? {} : { "content-length": Buffer.byteLength(content) };
  response.writeHead(status, {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...type,
    ...length,
    ...exposed(response, { ...headers }),
    ...headers,
  });
  response.end(content);
}

/** A peer that does not read stops the reading of the stream: nothing waits here but one piece. */
async function sendStream(response: ServerResponse, answer: StreamResponse, clock: Clock): Promise<void> {
  response.writeHead(answer.status, {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-accel-buffering": "no",
    ...exposed(response, answer.headers),
    ...answer.headers,
  });
  // Whoever waits for the answer sees at once that there will be one.
  response.flushHeaders();
  const beat = new KeepAlive(response, answer.keepAlive, clock);
  try {
    for await (const piece of answer.stream) {
      if (response.destroyed) break;
      beat.restart();
      if (!response.write(piece)) await roomOrEnd(response);
    }
    response.end();
  } catch (cause) {
    // The head is gone already: a cut tells the peer that this was not the end.
    response.destroy();
    throw cause;
  } finally {
    beat.stop();
  }
}

function roomOrEnd(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

class KeepAlive {
  readonly #response: ServerResponse;
  readonly #options: StreamResponse["keepAlive"];
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(response: ServerResponse, options: StreamResponse["keepAlive"], clock: Clock) {
    this.#response = response;
    this.#options = options;
    this.#clock = clock;
    this.restart();
  }

  restart(): void {
    this.#timer?.cancel();
    if (this.#options === undefined) return;
    const { text, everyMs } = this.#options;
    this.#timer = this.#clock.setTimer(everyMs, () => {
      if (!this.#response.writableNeedDrain) this.#response.write(text);
      this.restart();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
