import type { WebSocket } from "ws";
import type { Clock, Framing, Timer, Transport } from "../../core/ports.ts";
import { closeReason } from "./close-reason.ts";
import { ConnectionWriter, type WritableSocket, type WriteLimits } from "./connection-writer.ts";

export interface WebSocketTransportOptions {
  /** The socket of the upgrade, which `ws` uses too. */
  readonly socket: WritableSocket;
  readonly webSocket: WebSocket;
  readonly framing: Framing;
  readonly clock: Clock;
  /** Called when the bytes in flight have been above the low mark and are not any more. */
  readonly onDrain: () => void;
  /** How long a close may take, from the call to the peer's answer; then the socket is cut. */
  readonly closeTimeoutMs: number;
  /** See `writeLimitsFor`. */
  readonly writeLimits: WriteLimits;
}

/** The way out over a WebSocket: data frames straight to the socket, control frames through `ws`. */
export function createWebSocketTransport(options: WebSocketTransportOptions): Transport {
  return new WebSocketTransport(options);
}

class WebSocketTransport implements Transport {
  readonly framing: Framing;
  readonly answersPings = true;
  readonly #webSocket: WebSocket;
  readonly #clock: Clock;
  readonly #closeTimeoutMs: number;
  readonly #writer: ConnectionWriter;
  #isClosing = false;
  #closeTimer: Timer | undefined;

  constructor(options: WebSocketTransportOptions) {
    const { webSocket } = options;
    this.framing = options.framing;
    this.#webSocket = webSocket;
    this.#clock = options.clock;
    this.#closeTimeoutMs = options.closeTimeoutMs;
    this.#writer = new ConnectionWriter({
      socket: options.socket,
      limits: options.writeLimits,
      canWrite: () => webSocket.readyState === webSocket.OPEN,
      onDrain: options.onDrain,
    });
    // By then `ws` has written its pong.
    webSocket.on("ping", () => this.#writer.watchLevel());
    webSocket.once("close", () => this.#release());
    if (webSocket.readyState === webSocket.CLOSED) this.#release();
  }

  get bufferedBytes(): number {
    return this.#writer.bufferedBytes;
  }

  write(bytes: Uint8Array): void {
    this.#writer.write(bytes);
  }

  ping(checkpoint: number): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#webSocket.ping(String(checkpoint));
    this.#writer.watchLevel();
  }

  pauseReading(): void {
    // While closing, the peer's answer is all that is waited for.
    if (!this.#isClosing) this.#webSocket.pause();
  }

  resumeReading(): void {
    this.#webSocket.resume();
  }

  close(closeCode: number, reason: string): void {
    if (!isSendableCloseCode(closeCode)) throw new RangeError(`Close code ${closeCode} may not be sent`);
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#webSocket.readyState === this.#webSocket.CLOSED) return;
    this.#closeTimer = this.#clock.setTimer(this.#closeTimeoutMs, () => this.#webSocket.terminate());
    this.#webSocket.resume();
    this.#writer.end(() => this.#webSocket.close(closeCode, closeReason(reason)));
  }

  #release(): void {
    this.#isClosing = true;
    this.#closeTimer?.cancel();
    this.#writer.close();
  }
}

/** RFC 6455 section 7.4: some codes only ever stand for what was seen, they are not sent. */
function isSendableCloseCode(closeCode: number): boolean {
  if (closeCode >= 3000 && closeCode <= 4999) return true;
  return closeCode >= 1000 && closeCode <= 1014 && ![1004, 1005, 1006].includes(closeCode);
}
