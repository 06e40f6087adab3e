/** A connection on the bare socket: the case decides every byte that is sent, and sees every frame that comes. */
import { randomBytes } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { constants, inflateRawSync } from "node:zlib";
import { within } from "../deadline.ts";
import { ExpectationError, shown } from "../expectation.ts";
import { decodeFrames, encodeFrame, type FrameOptions, OPCODES, type RawFrame } from "./raw-frame.ts";
import type { Transcript } from "./transcript.ts";
import type { WireMessage } from "./wire-message.ts";

export interface RawAnswer {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface RawClientOptions {
  readonly name: string;
  readonly transcript: Transcript;
  readonly deadlineMs: number;
  /** Header fields of the upgrade; `undefined` leaves one of the usual ones out. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

interface Arrived {
  readonly message: WireMessage;
  readonly frames: readonly RawFrame[];
}

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

export class RawClient {
  /** The server's answer to the upgrade. */
  readonly answer: RawAnswer;
  readonly frames: RawFrame[] = [];
  readonly #socket: Socket;
  readonly #options: RawClientOptions;
  readonly #messages: Arrived[] = [];
  #pieces: RawFrame[] = [];
  #rest: Buffer;
  #isEnded = false;
  #fault: ExpectationError | undefined;
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket, answer: RawAnswer, rest: Buffer, options: RawClientOptions) {
    this.#socket = socket;
    this.#options = options;
    this.answer = answer;
    this.#rest = rest;
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("close", () => {
      this.#isEnded = true;
      this.#wake();
    });
    this.#read(Buffer.alloc(0));
    socket.resume();
  }

  /** Asks for an upgrade; the answer may be a refusal. */
  static async open(url: URL, options: RawClientOptions): Promise<RawClient> {
    const socket = dial(url);
    try {
      socket.write(upgradeRequest(url, options.headers));
      const { answer, rest } = await within(
        options.deadlineMs,
        "the answer to an upgrade",
        readAnswer(socket),
      );
      options.transcript.note(options.name, "*", `upgrade: ${answer.status}`);
      return new RawClient(socket, answer, rest, options);
    } catch (cause) {
      socket.destroy();
      throw cause;
    }
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  sendFrame(opcode: number, payload: Buffer | string, options: FrameOptions = {}): void {
    const end = options.isFinal === false ? ", to be continued" : "";
    this.#note(">", `frame ${opcode} of ${Buffer.byteLength(payload)} bytes${end}`);
    this.write(encodeFrame(opcode, payload, options));
  }

  send(message: object): void {
    const text = JSON.stringify(message);
    this.#note(">", text);
    this.write(encodeFrame(OPCODES.text, text));
  }

  /** The next message of the type that has not been taken, with the frames that brought it. */
  async expect(type: string, isWanted: (message: WireMessage) => boolean = () => true): Promise<Arrived> {
    return this.until(`a message ${type}`, () => {
      const index = this.#messages.findIndex(({ message }) => message.type === type && isWanted(message));
      return index < 0 ? undefined : this.#messages.splice(index, 1)[0];
    });
  }

  frame(opcode: number): Promise<RawFrame> {
    return this.until(`a frame ${opcode}`, () => this.frames.find((frame) => frame.opcode === opcode));
  }

  /** The code of the close frame that the server sends. */
  async closeCode(): Promise<number> {
    const { payload } = await this.frame(OPCODES.close);
    return payload.length < 2 ? 1005 : payload.readUInt16BE(0);
  }

  async ended(): Promise<void> {
    await this.until("the end of the socket", () => (this.#isEnded ? true : undefined));
  }

  /** A TCP reset: the end of a connection that nobody could announce. */
  reset(): void {
    this.#note("*", "reset");
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    const search = async (): Promise<Found> => {
      for (;;) {
        const found = find();
        if (found !== undefined) return found;
        if (this.#fault !== undefined) throw this.#fault;
        if (this.#isEnded) throw new ExpectationError(`The socket ended while ${what} was waited for`);
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    };
    return within(this.#options.deadlineMs, `${this.#options.name} waits for ${what}`, search());
  }

  #read(bytes: Buffer): void {
    const { frames, rest } = decodeFrames(Buffer.concat([this.#rest, bytes]));
    this.#rest = rest;
    try {
      for (const frame of frames) this.#take(frame);
    } catch (cause) {
      this.#fault ??= new ExpectationError(`A message of the server cannot be read: ${String(cause)}`);
    }
    this.#wake();
  }

  #take(frame: RawFrame): void {
    this.frames.push(frame);
    if (frame.opcode >= OPCODES.close) {
      this.#note("<", `frame ${frame.opcode} ${shown(frame.payload.toString("latin1"))}`);
      return;
    }
    this.#pieces.push(frame);
    if (!frame.isFinal) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    const text = messageText(pieces);
    this.#note("<", `${text} (frames: ${pieces.length})`);
    this.#messages.push({ message: JSON.parse(text) as WireMessage, frames: pieces });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #note(mark: ">" | "<" | "*", text: string): void {
    this.#options.transcript.note(this.#options.name, mark, text);
  }
}

function messageText(frames: readonly RawFrame[]): string {
  const payload = Buffer.concat(frames.map((frame) => frame.payload));
  if (!frames[0]!.isCompressed) return payload.toString("utf8");
  const compressed = Buffer.concat([payload, TAIL]);
  return inflateRawSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH }).toString("utf8");
}

function dial(url: URL): Socket {
  const isSecure = url.protocol === "wss:";
  const port = Number(url.port === "" ? (isSecure ? 443 : 80) : url.port);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = isSecure ? connectTls({ host, port, servername: host }) : connectTcp(port, host);
  socket.setNoDelay(true);
  // The end of the socket is what a case sees of it.
  socket.on("error", () => undefined);
  return socket;
}

function upgradeRequest(url: URL, headers: RawClientOptions["headers"]): string {
  const fields = {
    Host: url.host,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    ...headers,
  };
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`);
  return [`GET ${url.pathname}${url.search} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

function readAnswer(socket: Socket): Promise<{ readonly answer: RawAnswer; readonly rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const onData = (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", onData);
      socket.pause();
      resolve({ answer: parseAnswer(bytes.toString("latin1", 0, end)), rest: bytes.subarray(end + 4) });
    };
    socket.on("data", onData);
    socket.once("close", () => reject(new ExpectationError("The server hung up before it answered")));
  });
}

function parseAnswer(text: string): RawAnswer {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(statusLine.split(" ")[1]), headers: new Map(headers) };
}
