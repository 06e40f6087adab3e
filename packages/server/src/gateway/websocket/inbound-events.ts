import type { RawData, WebSocket } from "ws";

export interface InboundHandlers {
  onText(text: string, byteCount: number): void;
  onBinary(): void;
  /** The peer answered the ping with this checkpoint. */
  onPong(checkpoint: number): void;
  /**
   * Called once, last. The code is the peer's; 1005 when it gave none; what `ws` refused with when the peer broke the
   * protocol; 1006 when the connection just ended.
   */
  onClose(closeCode: number): void;
}

const CLOSED_WITHOUT_HANDSHAKE = 1006;
const PROTOCOL_ERROR = 1002;

/** What `ws` closes with when it refuses what the peer sent; all its other refusals are protocol errors. */
const CLOSE_CODE_OF_REFUSAL: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  // zlib could not read a compressed message.
  Z_DATA_ERROR: 1007,
  Z_BUF_ERROR: 1007,
  Z_NEED_DICT: 1007,
};

/** Passes on what a WebSocket brings in. Its errors always end in `onClose`, and never in an unhandled `error` event. */
export function bindWebSocket(webSocket: WebSocket, handlers: InboundHandlers): void {
  let refusalCode: number | undefined;

  webSocket.on("message", (data, isBinary) => {
    if (isBinary) handlers.onBinary();
    else handlers.onText(textOf(data), byteCountOf(data));
  });
  webSocket.on("pong", (payload) => {
    const checkpoint = checkpointOf(payload);
    if (checkpoint !== undefined) handlers.onPong(checkpoint);
  });
  webSocket.on("error", (error) => {
    refusalCode = closeCodeOfRefusal(error);
  });
  webSocket.once("close", (closeCode) => {
    handlers.onClose(closeCode === CLOSED_WITHOUT_HANDSHAKE ? (refusalCode ?? closeCode) : closeCode);
  });
}

/** `ws` hands out one Buffer per message unless `binaryType` was changed. */
function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString("utf8");
  return Array.isArray(data) ? Buffer.concat(data).toString("utf8") : Buffer.from(data).toString("utf8");
}

function byteCountOf(data: RawData): number {
  return Array.isArray(data) ? data.reduce((sum, piece) => sum + piece.length, 0) : data.byteLength;
}

/** A peer may send pongs nobody asked for, with anything in them: those are not answers. */
function checkpointOf(payload: Buffer): number | undefined {
  const text = payload.toString("latin1");
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const checkpoint = Number(text);
  return Number.isSafeInteger(checkpoint) ? checkpoint : undefined;
}

function closeCodeOfRefusal(error: Error): number | undefined {
  if (!("code" in error) || typeof error.code !== "string") return undefined;
  return CLOSE_CODE_OF_REFUSAL[error.code] ?? (error.code.startsWith("WS_ERR_") ? PROTOCOL_ERROR : undefined);
}
