/** From an HTTP upgrade to a connection of the core. Everything that can refuse does so before the 101. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TachikomaError } from "@tachikoma/protocol";
import { type WebSocket, WebSocketServer } from "ws";
import type { WebsocketSettings } from "../config/settings.ts";
import type { StopCode } from "../core/drain.ts";
import type { Clock, Logger, Random } from "../core/ports.ts";
import { retryAfterMs } from "./admission.ts";
import { type Entrance, type Entry, isResumeOf } from "./entrance.ts";
import { type Refusal, refusalFor, refuseUpgrade, urlOf } from "./refusal.ts";
import { type WriteLimits, writeLimitsFor } from "./websocket/connection-writer.ts";
import { guardFrameSize } from "./websocket/frame-size-guard.ts";
import { FramingSet } from "./websocket/framing.ts";
import { handshakeOptions, negotiatedWindowBits } from "./websocket/handshake-options.ts";
import { bindWebSocket } from "./websocket/inbound-events.ts";
import type { Seat, ServedSocket, SocketProtocol } from "./websocket/socket-protocol.ts";
import { createWebSocketTransport } from "./websocket/websocket-transport.ts";

export interface WebSocketGatewayOptions {
  readonly settings: WebsocketSettings;
  readonly protocols: readonly SocketProtocol[];
  /** Those that clients may offer. */
  readonly subprotocols: readonly string[];
  readonly entrance: Entrance;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onRefused: (refusal: Refusal) => void;
}

const CLOSE_TIMEOUT_MS = 5_000;
const NORMAL_CLOSE_CODE = 1000;

export class WebSocketGateway {
  readonly #options: WebSocketGatewayOptions;
  readonly #webSockets: WebSocketServer;
  readonly #framings: FramingSet;
  readonly #writeLimits: WriteLimits;
  readonly #protocols: ReadonlyMap<string, SocketProtocol>;
  readonly #served = new Set<ServedSocket>();
  readonly #waiting = new Map<Duplex, (cause: TachikomaError) => void>();

  constructor(options: WebSocketGatewayOptions) {
    const { settings, protocols, subprotocols } = options;
    this.#options = options;
    this.#protocols = new Map(protocols.map((protocol) => [protocol.path, protocol]));
    this.#webSockets = new WebSocketServer(
      handshakeOptions({
        maxMessageBytes: settings.maxMessageSize,
        isCompressionEnabled: settings.compression,
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
        subprotocols,
      }),
    );
    this.#framings = new FramingSet({
      maxFrameBytes: settings.maxFrameSize,
      compressionThresholdBytes: settings.compressionThresholdBytes,
    });
    this.#writeLimits = writeLimitsFor(settings.highWaterBytes);
  }

  /** True when the path of the request is one of ours. */
  serves(request: IncomingMessage): boolean {
    return this.servesPath(urlOf(request)?.pathname ?? "");
  }

  servesPath(path: string): boolean {
    return this.#options.settings.enabled && this.#protocols.has(path);
  }

  /** Upgrades that have neither been made nor refused. */
  get pendingCount(): number {
    return this.#waiting.size;
  }

  handleUpgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    // Until `ws` takes over nobody else listens, and an unheard error ends the process.
    duplex.on("error", destroyThis);
    const timer = this.#options.clock.setTimer(this.#timeoutMs, () => {
      refuse(new TachikomaError("SERVER_NOT_READY", `The upgrade took longer than ${this.#timeoutMs} ms`));
    });
    const settle = () => {
      timer.cancel();
      // The socket may live for days, and what listens to it holds the request.
      duplex.off("close", settle);
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

  /** Refuses every upgrade under way, whose wait may never end, and closes what is still served. */
  close(code: StopCode): void {
    for (const refuse of this.#waiting.values()) {
      refuse(new TachikomaError("SERVER_NOT_READY", "The server is stopping"));
    }
    for (const served of [...this.#served]) served.close(code);
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

  async #upgrade(upgrade: WaitingUpgrade): Promise<void> {
    const { request, isOver } = upgrade;
    const url = urlOf(request);
    const protocol = this.serves(request) ? this.#protocols.get(url?.pathname ?? "") : undefined;
    if (url === undefined || protocol === undefined) throw new TachikomaError("NOT_FOUND");
    if (url.searchParams.get("probe") === "1") {
      await this.#options.entrance.check({ request, url, isOver });
      return this.#answerProbe(upgrade);
    }
    const knock = { request, url, isOver };
    const entry = await this.#options.entrance.enter(knock, (guest) => protocol.admit(guest));
    if (entry === undefined) return;
    if (!upgrade.settle()) return entry.abandon();
    this.#shakeHands(upgrade, entry);
  }

  /** Somebody wants to know whether a WebSocket gets through at all. The close, which has to get through too, is the answer. */
  #answerProbe({ request, socket, head, settle }: WaitingUpgrade): void {
    if (!settle()) return;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => webSocket.terminate());
      webSocket.close(NORMAL_CLOSE_CODE, "Probed");
    });
  }

  #shakeHands({ request, socket, head }: WaitingUpgrade, entry: Entry<Seat>): void {
    // `ws` answers a bad handshake itself and then ends the socket: the place is given back with it.
    socket.once("close", entry.abandon);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off("close", entry.abandon);
      socket.setNoDelay(true);
      this.#serve({ webSocket, socket }, entry, {
        userAgent: request.headers["user-agent"],
        extensions: request.headers["sec-websocket-extensions"],
      });
    });
  }

  /** What is made here lives as long as the connection: none of it may hold the request. */
  #serve({ webSocket, socket }: Wire, { place, leaveLane }: Entry<Seat>, headers: KeptHeaders): void {
    const { settings, clock } = this.#options;
    const link: { served: ServedSocket | undefined } = { served: undefined };
    bindWebSocket(webSocket, {
      onText: (text, byteCount) => link.served?.onText(text, byteCount),
      onBinary: () => link.served?.onBinary(),
      onPong: (checkpoint) => link.served?.onPong(checkpoint),
      onClose: (closeCode) => {
        if (link.served === undefined) return leaveLane();
        this.#served.delete(link.served);
        link.served.onClosed(closeCode);
      },
    });
    const transport = createWebSocketTransport({
      socket,
      webSocket,
      framing: this.#framings.forWindow(negotiatedWindowBits(webSocket, headers.extensions)),
      clock,
      onDrain: () => link.served?.onDrain(),
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      writeLimits: this.#writeLimits,
    });
    if (settings.enforceInboundFrameSize) {
      guardFrameSize(socket, settings.maxFrameSize, () => link.served?.close("FRAME_TOO_LARGE"));
    }
    const peer = { userAgent: headers.userAgent, address: socket.remoteAddress };
    const served = place.use({ transport, peer, onStarted: leaveLane });
    link.served = served;
    this.#served.add(served);
  }
}

/** An upgrade that waits to be made or refused. */
interface WaitingUpgrade {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  /** Ends the wait; false when it was over before: refused, or its peer gone. */
  readonly settle: () => boolean;
  readonly isOver: () => boolean;
}

interface Wire {
  readonly webSocket: WebSocket;
  readonly socket: Socket;
}

interface KeptHeaders {
  readonly userAgent: string | undefined;
  readonly extensions: string | undefined;
}

function destroyThis(this: Duplex): void {
  this.destroy();
}
