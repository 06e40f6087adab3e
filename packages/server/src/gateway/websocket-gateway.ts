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
import type { Admitted, SessionServer } from "../core/session-server.ts";
import { retryAfterMs } from "./admission.ts";
import type { AdmissionGate } from "./admission-gate.ts";
import type { DoorKeeper } from "./door.ts";
import { HandshakeLane } from "./handshake-lane.ts";
import { idParameter } from "./id-parameter.ts";
import { originFault } from "./origin.ts";
import { type Refusal, refusalFor, refuseUpgrade, urlOf } from "./refusal.ts";
import { writeLimitsFor } from "./websocket/connection-writer.ts";
import { guardFrameSize } from "./websocket/frame-size-guard.ts";
import { FramingSet } from "./websocket/framing.ts";
import { handshakeOptions, negotiatedWindowBits } from "./websocket/handshake-options.ts";
import { bindWebSocket } from "./websocket/inbound-events.ts";
import { createWebSocketTransport } from "./websocket/websocket-transport.ts";

export interface WebSocketGatewayOptions {
  readonly settings: WebsocketSettings;
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

/** Paths of the WebSocket doors. */
export const WEBSOCKET_PATHS: ReadonlySet<string> = new Set(["/ws", "/ws/stream"]);

export class WebSocketGateway {
  readonly #options: WebSocketGatewayOptions;
  readonly #webSockets: WebSocketServer;
  readonly #framings: FramingSet;
  readonly #lane: HandshakeLane;
  #knockCount = 0;
  readonly #waiting = new Map<Duplex, (cause: TachikomaError) => void>();

  constructor(options: WebSocketGatewayOptions) {
    const { settings } = options;
    this.#options = options;
    this.#lane = new HandshakeLane(options);
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
    // Counted before anything is waited for: of two connections of one session, the one that knocked last wins.
    this.#knockCount += 1;
    const order = this.#knockCount;
    const { request } = knock;
    const url = urlOf(request);
    if (url === undefined || !this.serves(request)) throw new TachikomaError("NOT_FOUND");
    const fault = originFault(request, this.#options.allowedOrigins) ?? this.#options.requestFault(request);
    if (fault !== undefined) throw new TachikomaError("FORBIDDEN", fault);
    const isResuming = isResumeOf(url);
    this.#options.admission.check(isResuming);
    const credential = await this.#options.door.admit(request, url);
    const core = await this.#options.core();
    const leaveLane = await this.#lane.enter(isResuming);
    try {
      if (knock.isOver()) return leaveLane();
      const admitted = await core.admit({
        credential,
        clientId: idParameter(url, "client_id"),
        order,
        sessionId: idParameter(url, "session_id"),
      });
      const end = () => {
        admitted.reservation.release();
        leaveLane();
      };
      if (isResuming && !admitted.opened.isResumed) this.#checkClaim(end);
      if (!knock.settle()) return end();
      const door = url.pathname === "/ws/stream" ? streamDoor() : sessionDoor;
      this.#shakeHands(knock, { core, admitted, door, url, leaveLane });
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

interface Upgrade {
  readonly core: SessionServer;
  readonly admitted: Admitted;
  readonly door: Door;
  readonly url: URL;
  readonly leaveLane: () => void;
}

/** What the request says of itself. */
function isResumeOf(url: URL | undefined): boolean {
  return (url?.searchParams.get("session_id") ?? "") !== "";
}
