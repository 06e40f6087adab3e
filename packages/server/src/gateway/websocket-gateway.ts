/** From an HTTP upgrade to a connection of the core. Everything that can refuse does so before the 101. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TachikomaError } from "@tachikoma/protocol";
import { WebSocketServer } from "ws";
import type { WebsocketSettings } from "../config/settings.ts";
import type { Connection } from "../core/connection/connection.ts";
import { type Door, sessionDoor, streamDoor } from "../core/connection/door-policy.ts";
import type { Clock, Logger, Random } from "../core/ports.ts";
import { retryAfterMs } from "./admission.ts";
import { type Entrance, type Entry, isResumeOf } from "./entrance.ts";
import { type Refusal, refusalFor, refuseUpgrade, urlOf } from "./refusal.ts";
import { writeLimitsFor } from "./websocket/connection-writer.ts";
import { guardFrameSize } from "./websocket/frame-size-guard.ts";
import { FramingSet } from "./websocket/framing.ts";
import { handshakeOptions, negotiatedWindowBits } from "./websocket/handshake-options.ts";
import { bindWebSocket } from "./websocket/inbound-events.ts";
import { createWebSocketTransport } from "./websocket/websocket-transport.ts";

export interface WebSocketGatewayOptions {
  readonly settings: WebsocketSettings;
  readonly entrance: Entrance;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onRefused: (refusal: Refusal) => void;
}

const CLOSE_TIMEOUT_MS = 5_000;
const NORMAL_CLOSE_CODE = 1000;

/** Paths of the WebSocket doors. */
export const WEBSOCKET_PATHS: ReadonlySet<string> = new Set(["/ws", "/ws/stream"]);

export class WebSocketGateway {
  readonly #options: WebSocketGatewayOptions;
  readonly #webSockets: WebSocketServer;
  readonly #framings: FramingSet;
  readonly #waiting = new Map<Duplex, (cause: TachikomaError) => void>();

  constructor(options: WebSocketGatewayOptions) {
    const { settings } = options;
    this.#options = options;
    this.#webSockets = new WebSocketServer(
      handshakeOptions({
        maxMessageBytes: settings.maxMessageSize,
        isCompressionEnabled: settings.compression,
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
      }),
    );
    this.#framings = new FramingSet({
      maxFrameBytes: settings.maxFrameSize,
      compressionThresholdBytes: settings.compressionThresholdBytes,
    });
  }

  /** True when the path of the request is one of ours. */
  serves(request: IncomingMessage): boolean {
    return this.#options.settings.enabled && WEBSOCKET_PATHS.has(urlOf(request)?.pathname ?? "");
  }

  /** Upgrades that have neither been made nor refused. */
  get pendingCount(): number {
    return this.#waiting.size;
  }

  handleUpgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    // Until `ws` takes over nobody else listens, and an unheard error ends the process.
    duplex.on("error", () => duplex.destroy());
    const timer = this.#options.clock.setTimer(this.#timeoutMs, () => {
      refuse(new TachikomaError("SERVER_NOT_READY", `The upgrade took longer than ${this.#timeoutMs} ms`));
    });
    const settle = () => {
      timer.cancel();
      return this.#waiting.delete(duplex);
    };
    const refuse = (cause: unknown) => {
      if (settle()) this.#refuse(request, duplex, cause);
    };
    this.#waiting.set(duplex, refuse);
    // What the application or the store still has to say about it is of no use to anyone.
    duplex.once("close", settle);
    const isOver = () => !this.#waiting.has(duplex);
    this.#upgrade({ request, socket: duplex as Socket, head, settle, isOver }).catch(refuse);
  }

  /** Refuses every upgrade under way: what they wait for may never come. */
  close(): void {
    for (const refuse of this.#waiting.values()) {
      refuse(new TachikomaError("SERVER_NOT_READY", "The server is stopping"));
    }
  }

  get #timeoutMs(): number {
    return this.#options.settings.connectionTimeoutSecs * 1_000;
  }

  #refuse(request: IncomingMessage, duplex: Duplex, cause: unknown): void {
    const refusal = refusalFor(cause);
    if (refusal.code === "INTERNAL") this.#options.logger.error({ err: cause }, "Upgrade failed");
    this.#options.onRefused(refusal);
    const isResuming = isResumeOf(urlOf(request));
    const retryAfterSecs = Math.ceil(retryAfterMs(isResuming, this.#options.random.fraction()) / 1_000);
    refuseUpgrade(duplex, { ...refusal, retryAfterSecs });
  }

  async #upgrade(knock: Knock): Promise<void> {
    const { request, isOver } = knock;
    const url = urlOf(request);
    if (url === undefined || !this.serves(request)) throw new TachikomaError("NOT_FOUND");
    if (url.searchParams.get("probe") === "1") {
      await this.#options.entrance.check({ request, url, isOver });
      return this.#answerProbe(knock);
    }
    const entry = await this.#options.entrance.enter({ request, url, isOver });
    if (entry === undefined) return;
    if (!knock.settle()) return entry.abandon();
    const door = url.pathname === "/ws/stream" ? streamDoor() : sessionDoor;
    this.#shakeHands(knock, { ...entry, door, url });
  }

  /** Somebody wants to know whether a WebSocket gets through at all. The close, which has to get through too, is the answer. */
  #answerProbe({ request, socket, head, settle }: Knock): void {
    if (!settle()) return;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => webSocket.terminate());
      webSocket.close(NORMAL_CLOSE_CODE, "Probed");
    });
  }

  #shakeHands({ request, socket, head }: Knock, upgrade: Upgrade): void {
    const { settings, clock } = this.#options;
    const { admitted, leaveLane } = upgrade;
    let isDone = false;
    // `ws` answers a bad handshake itself and then ends the socket: the place is given back with it.
    socket.once("close", () => {
      if (!isDone) admitted.reservation.release();
      leaveLane();
    });
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      isDone = true;
      socket.setNoDelay(true);
      let connection: Connection | undefined;
      bindWebSocket(webSocket, {
        onText: (text, byteCount) => connection?.onText(text, byteCount),
        onBinary: () => connection?.onBinary(),
        onPong: (checkpoint) => connection?.onPong(checkpoint),
        onClose: (closeCode) => connection?.onClosed(closeCode),
      });
      const windowBits = negotiatedWindowBits(webSocket, request.headers["sec-websocket-extensions"]);
      const transport = createWebSocketTransport({
        socket,
        webSocket,
        framing: this.#framings.forWindow(windowBits),
        clock,
        onDrain: () => connection?.onDrain(),
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
        writeLimits: writeLimitsFor(settings.highWaterBytes),
      });
      if (settings.enforceInboundFrameSize) {
        guardFrameSize(socket, settings.maxFrameSize, () => connection?.close("FRAME_TOO_LARGE"));
      }
      connection = upgrade.core.connect(admitted, {
        transport,
        door: upgrade.door,
        peer: { userAgent: request.headers["user-agent"], address: socket.remoteAddress },
        onStarted: leaveLane,
        // A stream is for clients that keep nothing: they get the rest from where the server knows them to be.
        arePositionsFromClient:
          upgrade.door === sessionDoor && upgrade.url.searchParams.get("positions") === "client",
      });
    });
  }
}

/** An upgrade that waits to be made or refused. */
interface Knock {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  /** Ends the wait; false when it was over before: refused, or its peer gone. */
  readonly settle: () => boolean;
  readonly isOver: () => boolean;
}

interface Upgrade extends Entry {
  readonly door: Door;
  readonly url: URL;
}
