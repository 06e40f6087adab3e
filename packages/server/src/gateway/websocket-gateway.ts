/** From an HTTP upgrade to a socket with somebody who serves it. Everything that can refuse does so before the 101. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TachikomaError } from "@tachikoma/protocol";
import { WebSocketServer } from "ws";
import type { WebsocketSettings } from "../config/settings.ts";
import type { StopCode } from "../core/drain.ts";
import type { Clock, Logger, Random } from "../core/ports.ts";
import type { SessionServer } from "../core/session-server.ts";
import { retryAfterMs } from "./admission.ts";
import type { AdmissionGate } from "./admission-gate.ts";
import type { DoorKeeper } from "./door.ts";
import { HandshakeLane } from "./handshake-lane.ts";
import { originFault } from "./origin.ts";
import { type Refusal, refusalFor, refuseUpgrade, urlOf } from "./refusal.ts";
import { writeLimitsFor } from "./websocket/connection-writer.ts";
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
  readonly allowedOrigins: readonly string[];
  readonly door: DoorKeeper;
  readonly admission: AdmissionGate;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The core, when it is open. */
  readonly core: () => Promise<SessionServer>;
  /** What a request must satisfy besides; says what is wrong. */
  readonly requestFault: (request: IncomingMessage) => string | undefined;
  readonly onRefused: (refusal: Refusal) => void;
}

const CLOSE_TIMEOUT_MS = 5_000;

export class WebSocketGateway {
  readonly #options: WebSocketGatewayOptions;
  readonly #webSockets: WebSocketServer;
  readonly #framings: FramingSet;
  readonly #lane: HandshakeLane;
  readonly #protocols: ReadonlyMap<string, SocketProtocol>;
  readonly #served = new Set<ServedSocket>();
  #knockCount = 0;
  readonly #waiting = new Map<Duplex, (cause: TachikomaError) => void>();

  constructor(options: WebSocketGatewayOptions) {
    const { settings, protocols, subprotocols } = options;
    this.#options = options;
    this.#protocols = new Map(protocols.map((protocol) => [protocol.path, protocol]));
    this.#lane = new HandshakeLane(options);
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

  async #upgrade(knock: WaitingUpgrade): Promise<void> {
    // Counted before anything is waited for: of two connections of one session, the one that knocked last wins.
    this.#knockCount += 1;
    const order = this.#knockCount;
    const { request } = knock;
    const url = urlOf(request);
    const protocol = this.serves(request) ? this.#protocols.get(url?.pathname ?? "") : undefined;
    if (url === undefined || protocol === undefined) throw new TachikomaError("NOT_FOUND");
    const fault = originFault(request, this.#options.allowedOrigins) ?? this.#options.requestFault(request);
    if (fault !== undefined) throw new TachikomaError("FORBIDDEN", fault);
    const isResuming = isResumeOf(url);
    this.#options.admission.check(isResuming);
    const credential = await this.#options.door.admit(request, url);
    const core = await this.#options.core();
    const leaveLane = await this.#lane.enter(isResuming);
    try {
      if (knock.isOver()) return leaveLane();
      const seat = await protocol.admit({ core, credential, url, order });
      const end = () => {
        seat.release();
        leaveLane();
      };
      if (isResuming && !seat.isResumed) this.#checkClaim(end);
      if (!knock.settle()) return end();
      this.#shakeHands(knock, seat, leaveLane);
    } catch (cause) {
      leaveLane();
      throw cause;
    }
  }

  /** Anyone can name a session: only one that goes on is let in before others. */
  #checkClaim(end: () => void): void {
    try {
      this.#options.admission.check(false);
    } catch (cause) {
      end();
      throw cause;
    }
  }

  #shakeHands({ request, socket, head }: WaitingUpgrade, seat: Seat, leaveLane: () => void): void {
    const { settings, clock } = this.#options;
    let isDone = false;
    // `ws` answers a bad handshake itself and then ends the socket: the place is given back with it.
    socket.once("close", () => {
      if (!isDone) seat.release();
      leaveLane();
    });
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      isDone = true;
      socket.setNoDelay(true);
      let served: ServedSocket | undefined;
      bindWebSocket(webSocket, {
        onText: (text, byteCount) => served?.onText(text, byteCount),
        onBinary: () => served?.onBinary(),
        onPong: (checkpoint) => served?.onPong(checkpoint),
        onClose: (closeCode) => {
          if (served !== undefined) this.#served.delete(served);
          served?.onClosed(closeCode);
        },
      });
      const windowBits = negotiatedWindowBits(webSocket, request.headers["sec-websocket-extensions"]);
      const transport = createWebSocketTransport({
        socket,
        webSocket,
        framing: this.#framings.forWindow(windowBits),
        clock,
        onDrain: () => served?.onDrain(),
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
        writeLimits: writeLimitsFor(settings.highWaterBytes),
      });
      if (settings.enforceInboundFrameSize) {
        guardFrameSize(socket, settings.maxFrameSize, () => served?.close("FRAME_TOO_LARGE"));
      }
      served = seat.use({
        transport,
        peer: { userAgent: request.headers["user-agent"], address: socket.remoteAddress },
        onStarted: leaveLane,
      });
      this.#served.add(served);
    });
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

/** What the request says of itself. */
function isResumeOf(url: URL | undefined): boolean {
  return (url?.searchParams.get("session_id") ?? "") !== "";
}
