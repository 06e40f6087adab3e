import { SUBPROTOCOL } from "@tachikoma/protocol";
import type { PerMessageDeflateOptions, ServerOptions } from "ws";
import { MAX_WINDOW_BITS, type WindowBits } from "./framing.ts";

/** The `[websocket]` settings that the handshake and the reading side depend on. */
export interface HandshakeSettings {
  /** `max_message_size`: also what a compressed message may grow to. */
  readonly maxMessageBytes: number;
  /** `compression`: whether it is offered. */
  readonly isCompressionEnabled: boolean;
  /** How long `ws` waits for the peer's close when it closes a connection of its own accord. */
  readonly closeTimeoutMs: number;
  /** Of what a client offers the first of these is taken; without one it is served the same. @default our own */
  readonly subprotocols?: readonly string[];
}

/** Known to ws 8.23, not yet to its type declarations. */
interface NewerServerOptions {
  readonly closeTimeout: number;
  readonly maxPendingAutoPongs: number;
}

/** Fragments of one message; a client that cuts 16 MiB into 1 KiB frames still passes. */
const MAX_FRAGMENTS = 16 * 1024;
/** Pieces in which one frame may arrive: a peer that sends byte by byte must not make us hold a million buffers. */
const MIN_AVERAGE_PIECE_BYTES = 256;
const MIN_BUFFERED_PIECES = 1024;
/** Pongs that wait because the peer pings but does not read. */
const MAX_PENDING_PONGS = 32;
/** Leaves libuv's thread pool (four threads) room for others. */
const MAX_CONCURRENT_INFLATES = 2;
const INFLATE_CHUNK_BYTES = 16 * 1024;

/** The options of `new WebSocketServer(...)`. */
export function handshakeOptions(settings: HandshakeSettings): ServerOptions & NewerServerOptions {
  const { subprotocols = [SUBPROTOCOL] } = settings;
  return {
    noServer: true,
    clientTracking: false,
    autoPong: true,
    allowSynchronousEvents: true,
    skipUTF8Validation: false,
    maxPayload: settings.maxMessageBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: Math.max(
      MIN_BUFFERED_PIECES,
      Math.ceil(settings.maxMessageBytes / MIN_AVERAGE_PIECE_BYTES),
    ),
    maxPendingAutoPongs: MAX_PENDING_PONGS,
    closeTimeout: settings.closeTimeoutMs,
    handleProtocols: (offered) => subprotocols.find((known) => offered.has(known)) ?? false,
    perMessageDeflate: settings.isCompressionEnabled ? DEFLATE_OPTIONS : false,
  };
}

/**
 * Neither side keeps a compression window between messages: the server because a compressed message is shared by
 * connections, the client because a window would cost memory per idle connection.
 *
 * `serverMaxWindowBits` and `clientMaxWindowBits` stay unset: `ws` answers 400 where an offer does not fit them.
 */
const DEFLATE_OPTIONS: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  concurrencyLimit: MAX_CONCURRENT_INFLATES,
  zlibInflateOptions: { chunkSize: INFLATE_CHUNK_BYTES },
};

/** What a connection negotiated for the messages it is sent: `undefined` when they may not be compressed. */
export function negotiatedWindowBits(
  webSocket: { readonly extensions: string },
  offeredExtensions: string | undefined,
): WindowBits | undefined {
  if (!webSocket.extensions.includes("permessage-deflate")) return undefined;
  // `ws` accepts the first offer it can, and does not tell which; the smallest window offered suits them all.
  let windowBits: number = MAX_WINDOW_BITS;
  for (const match of (offeredExtensions ?? "").matchAll(/server_max_window_bits\s*=\s*"?(\d+)/gi)) {
    windowBits = Math.min(windowBits, Number(match[1]));
  }
  return isWindowBits(windowBits) ? windowBits : undefined;
}

/** A window of 8 bits may be asked for, but zlib has no raw stream of that size. */
function isWindowBits(bits: number): bits is WindowBits {
  return Number.isInteger(bits) && bits >= 9 && bits <= 15;
}
