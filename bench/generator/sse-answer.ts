/** One answer over Server-Sent Events, read at the socket: what it says, and what it took on the wire. */
import { connect } from "node:net";
import type { TokenRun } from "../paced-tokens.ts";
import { within } from "./link.ts";

export interface Answer {
  readonly text: string;
  /** Behind the answer's headers: the events and what HTTP puts around them. */
  readonly byteCount: number;
}

const HEADERS_END = "\r\n\r\n";
const BODY_END = "0\r\n\r\n";

export async function readSseAnswer(port: number, run: TokenRun, deadlineMs: number): Promise<Answer> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => {
    pieces.push(piece);
    if (piece.toString("latin1").endsWith(BODY_END)) resolve(Buffer.concat(pieces));
  });
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("The server hung up before the end of its answer")));
  const query = encodeURIComponent(JSON.stringify(run));
  socket.write(`GET /?run=${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  try {
    const received = await within("the end of the answer", promise, { deadlineMs });
    return parseSseAnswer(received);
  } finally {
    socket.destroy();
  }
}

/** @param received from the first byte of the status line to the last chunk */
export function parseSseAnswer(received: Buffer): Answer {
  const start = received.indexOf(HEADERS_END) + HEADERS_END.length;
  const events = bodyOf(received, start).split("\n\n");
  const deltas = events.flatMap((event) => /^data: (\{.*"text-delta".*\})$/.exec(event)?.[1] ?? []);
  const text = deltas.map((json) => (JSON.parse(json) as { readonly delta: string }).delta).join("");
  return { text, byteCount: received.length - start };
}

/** The body of an answer that is `transfer-encoding: chunked`. */
function bodyOf(received: Buffer, start: number): string {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = received.indexOf("\r\n", at);
    const byteCount = Number.parseInt(received.toString("latin1", at, lineEnd), 16);
    if (lineEnd < 0 || !(byteCount > 0)) return Buffer.concat(chunks).toString("utf8");
    chunks.push(received.subarray(lineEnd + 2, lineEnd + 2 + byteCount));
    at = lineEnd + 2 + byteCount + 2;
  }
}
