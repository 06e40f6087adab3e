/**
 * What is spoken behind a path of the WebSocket gateway. The gateway makes the handshake, with everything that may refuse it, and owns
 * the socket; a protocol decides who gets a place, and takes what arrives.
 */
import type { ErrorCode } from "@tachikoma/protocol";
import type { PeerInfo } from "../../core/connection/connection.ts";
import type { Transport } from "../../core/ports.ts";
import type { Guest, Place } from "../entrance.ts";

export interface SocketProtocol {
  readonly path: string;
  /** Decides before the handshake whether somebody who has come through the door gets a place, and takes it. */
  admit(guest: Guest): Promise<Seat>;
}

/** A place at a socket. */
export interface Seat extends Place {
  use(options: SeatOptions): ServedSocket;
}

export interface SeatOptions {
  readonly transport: Transport;
  readonly peer: PeerInfo;
  /** To be called when the connection has begun, or never will. */
  readonly onStarted: () => void;
}

/** What the gateway tells of a socket, and what it may ask. */
export interface ServedSocket {
  /** @param byteCount of the text as it travelled */
  onText(text: string, byteCount: number): void;
  onBinary(): void;
  onPong(checkpoint: number): void;
  /** What waited to be written has gone out. */
  onDrain(): void;
  /** The socket is gone, whoever ended it. */
  onClosed(closeCode: number): void;
  /** Ends the connection, and does nothing when that has been done. */
  close(code: ErrorCode): void;
}
