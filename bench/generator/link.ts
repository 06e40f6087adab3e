/** One raw socket that speaks WebSocket: the upgrade by hand, frames out of the parser, pings answered. */
import { connect, type Socket } from "node:net";
import { clientFrame, FrameParser, OPCODE } from "./frame-parser.ts";

export interface LinkHooks {
  /** A whole text message. */
  onText(bytes: Buffer, start: number, end: number): void;
  /** All messages of one read have been handed out. */
  onRead(): void;
}

/** What has come behind the answer to the upgrade, headers of frames included. */
export interface Traffic {
  readonly byteCount: number;
  /** Frames that carry text, each fragment by itself. */
  readonly frameCount: number;
}

const DEADLINE_MS = 20_000;

interface Expectation {
  readonly prefix: string;
  readonly resolve: (text: string) => void;
}

export class Link {
  readonly #socket: Socket;
  readonly #hooks: LinkHooks;
  readonly #parser: FrameParser;
  readonly #deadlineMs: number;
  /** While the conversation is set up: texts that nobody has waited for yet. */
  #unread: string[] | undefined = [];
  #expectation: Expectation | undefined;
  #isCut = false;
  #byteCount = 0;
  #closedBy: string | undefined;

  private constructor(socket: Socket, hooks: LinkHooks, deadlineMs: number) {
    this.#socket = socket;
    this.#deadlineMs = deadlineMs;
    this.#hooks = hooks;
    this.#parser = new FrameParser((opcode, bytes, start, end) => this.#take(opcode, bytes, start, end));
  }

  static async open(port: number, path: string, hooks: LinkHooks, deadlineMs = DEADLINE_MS): Promise<Link> {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    const link = new Link(socket, hooks, deadlineMs);
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!link.#isCut) link.#closedBy ??= "the server closed the connection";
    });
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    const rest = await within(`the upgrade of ${path.split("?")[0]}`, readAnswer(socket), { deadlineMs });
    socket.on("data", (piece: Buffer) => link.#read(piece));
    if (rest.length > 0) link.#read(rest);
    return link;
  }

  /** Why the connection is no more, when it was not us. */
  get fault(): string | undefined {
    return this.#closedBy;
  }

  get traffic(): Traffic {
    return { byteCount: this.#byteCount, frameCount: this.#parser.dataFrameCount };
  }

  /** Reads no more: what the server sends fills the buffers of the kernel, and then stays where it is. */
  pause(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  send(text: string): void {
    this.#socket.write(clientFrame(OPCODE.text, Buffer.from(text)));
  }

  sendAll(texts: readonly string[]): void {
    this.#socket.write(Buffer.concat(texts.map((text) => clientFrame(OPCODE.text, Buffer.from(text)))));
  }

  /** The next text that begins so. Only during set-up. */
  expect(prefix: string): Promise<string> {
    const index = this.#unread?.findIndex((text) => text.startsWith(prefix)) ?? -1;
    if (index >= 0) return Promise.resolve(this.#unread!.splice(index, 1)[0]!);
    const arriving = new Promise<string>((resolve) => {
      this.#expectation = { prefix, resolve };
    });
    const seen = () => this.#state();
    return within(`a text that begins with ${prefix}`, arriving, { deadlineMs: this.#deadlineMs, seen });
  }

  /** Set-up is over: texts are counted and no longer kept. */
  settle(): void {
    this.#unread = undefined;
  }

  /** As when the network goes: no goodbye. */
  cut(): void {
    this.#isCut = true;
    this.#socket.resetAndDestroy();
  }

  #state(): string {
    return this.#closedBy ?? `unread: ${JSON.stringify(this.#unread?.slice(0, 3))}`;
  }

  #read(piece: Buffer): void {
    if (this.#isCut) return;
    this.#byteCount += piece.length;
    this.#parser.push(piece);
    this.#hooks.onRead();
  }

  #take(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.ping) {
      this.#socket.write(clientFrame(OPCODE.pong, bytes.subarray(start, end)));
      return;
    }
    if (opcode === OPCODE.close) {
      this.#closedBy ??= `the server closed with ${end - start >= 2 ? bytes.readUInt16BE(start) : "no code"}`;
      return;
    }
    if (opcode !== OPCODE.text) return;
    if (this.#unread !== undefined) this.#note(bytes.toString("utf8", start, end));
    this.#hooks.onText(bytes, start, end);
  }

  #note(text: string): void {
    const expectation = this.#expectation;
    if (expectation !== undefined && text.startsWith(expectation.prefix)) {
      this.#expectation = undefined;
      expectation.resolve(text);
      return;
    }
    this.#unread?.push(text);
  }
}

function readAnswer(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const onClose = () => reject(new Error("The server hung up before it answered the upgrade"));
    const onData = (piece: Buffer) => {
      answer = Buffer.concat([answer, piece]);
      const end = answer.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", onData);
      socket.off("close", onClose);
      const status = answer.toString("latin1", 0, answer.indexOf("\r\n"));
      if (status.startsWith("HTTP/1.1 101")) resolve(answer.subarray(end + 4));
      else reject(new Error(`The upgrade was refused: ${status}`));
    };
    socket.on("data", onData);
    socket.once("close", onClose);
  });
}

export interface Patience {
  readonly deadlineMs?: number;
  readonly seen?: () => string;
}

export async function within<Value>(
  what: string,
  work: Promise<Value>,
  { deadlineMs = DEADLINE_MS, seen = () => "nothing" }: Patience = {},
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`No sign of ${what} after ${deadlineMs} ms (${seen()})`));
    timer = setTimeout(fail, deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
