/** The way out of a connection over server-sent events: one long answer to a request. What its peer says comes by other requests. */
import type { ServerResponse } from "node:http";
import { retryAdviceForClose } from "@tachikoma/protocol";
import type { Clock, Timer, Transport } from "../../core/ports.ts";
import { eventFraming } from "./event-framing.ts";
import { END_ID, type EventIds } from "./event-ids.ts";

export interface EventTransportOptions {
  /** Its head has been written. */
  readonly response: ServerResponse;
  readonly ids: EventIds;
  readonly clock: Clock;
  /** `onDrain` is called when the level has been above this and no longer is. */
  readonly lowMarkBytes: number;
  readonly onDrain: () => void;
  /** How long a peer that does not read may take to read the end; then it is cut. */
  readonly closeTimeoutMs: number;
}

const HEARTBEAT = ": hb\n\n";
const NORMAL_CLOSE_CODE = 1000;
/** RFC 6455's registry: what a server says that cannot take a connection now. */
const TRY_AGAIN_LATER = 1013;

export class EventTransport implements Transport {
  readonly framing = eventFraming;
  readonly answersPings = false;
  readonly #options: EventTransportOptions;
  #isDrainOwed = false;
  #isClosing = false;
  #closeTimer: Timer | undefined;

  constructor(options: EventTransportOptions) {
    this.#options = options;
    options.response.once("close", () => {
      this.#isClosing = true;
      this.#closeTimer?.cancel();
    });
  }

  get bufferedBytes(): number {
    return this.#options.response.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosing) return;
    const { response, ids, lowMarkBytes } = this.#options;
    const events = ids.rewrite(bytes);
    // A callback is asked for only where someone may wait for one: the small write to an idle socket stays bare.
    if (response.writableLength + events.byteLength <= lowMarkBytes) {
      response.write(events);
      return;
    }
    this.#isDrainOwed = true;
    response.write(events, this.#onWritten);
  }

  /** A sign of life. Where something waits to be read already, that is one. */
  ping(): void {
    if (!this.#isClosing && this.bufferedBytes === 0) this.#options.response.write(HEARTBEAT);
  }

  /** What the peer says waits until the connection reads: whoever brings it asks (`core/connection/posted-messages.ts`). */
  pauseReading(): void {}

  resumeReading(): void {}

  close(closeCode: number, reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const { response, clock, closeTimeoutMs } = this.#options;
    this.#closeTimer = clock.setTimer(closeTimeoutMs, () => response.destroy());
    response.end(lastEvent(closeCode, reason));
  }

  /** The bytes have been taken, or never will be. */
  readonly #onWritten = (): void => {
    if (!this.#isDrainOwed || this.#isClosing || this.bufferedBytes > this.#options.lowMarkBytes) return;
    this.#isDrainOwed = false;
    this.#options.onDrain();
  };
}

/** A whole stream that says nothing but when to come back. */
export function closedStream(reason: string, retryAfterMs: number): string {
  return `retry: ${retryAfterMs}\n\n${lastEvent(TRY_AGAIN_LATER, reason)}`;
}

/** `close` asks to come back, `end` not to; a browser that does it all the same brings the id, and is told once more. */
function lastEvent(closeCode: number, reason: string): string {
  const retry = closeCode === NORMAL_CLOSE_CODE ? "never" : retryAdviceForClose(closeCode);
  const data = JSON.stringify({ code: closeCode, reason, retry });
  if (retry === "never") return `event: end\nid: ${END_ID}\ndata: ${data}\n\n`;
  return `event: close\ndata: ${data}\n\n`;
}
