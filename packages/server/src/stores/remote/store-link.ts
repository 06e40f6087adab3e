/** One connection of a node to the process that has the store, from `Welcome` to its end. */
import { connect, type Socket } from "node:net";
import { TachikomaError } from "@tachikoma/protocol";
import type { LogKey } from "../store.ts";
import {
  type Call,
  FrameReader,
  FULL_FRAME_BYTES,
  frameOf,
  OVERHEAD_BYTES,
  type Reply,
  type Welcome,
  WIRE_VERSION,
} from "./wire.ts";
import { failureOf, unavailable } from "./wire-failure.ts";

export interface StoreLinkOptions {
  readonly path: string;
  readonly followed: readonly LogKey[];
  readonly onReply: (reply: Reply) => void;
  /** Once, after the welcome. */
  readonly onLost: (reason: string) => void;
  /** Calls that could not be sent, each alone. */
  readonly onUnsendable: (call: Call, error: Error) => void;
}

interface Outgoing {
  readonly call: Call;
  readonly byteCount: number;
}

export class StoreLink {
  readonly welcome: Welcome;
  readonly #socket: Socket;
  readonly #options: StoreLinkOptions;
  #outgoing: Outgoing[] = [];
  #isSendScheduled = false;

  private constructor(socket: Socket, welcome: Welcome, options: StoreLinkOptions) {
    this.#socket = socket;
    this.welcome = welcome;
    this.#options = options;
  }

  /** @throws STORE_UNAVAILABLE */
  static open(options: StoreLinkOptions): Promise<StoreLink> {
    const { promise, resolve, reject } = Promise.withResolvers<StoreLink>();
    const socket = connect(options.path);
    const reader = new FrameReader();
    let link: StoreLink | undefined;
    let reason = "has closed the connection";
    socket.on("connect", () => {
      socket.write(frameOf({ version: WIRE_VERSION, followed: options.followed }));
    });
    socket.on("data", (piece: Buffer) => {
      try {
        for (const value of reader.read(piece)) {
          if (link !== undefined) {
            options.onReply(value as Reply);
            continue;
          }
          link = greeted(socket, value as Welcome, options);
          resolve(link);
        }
      } catch (thrown) {
        reason = `sent what cannot be used: ${failureOf(thrown).message}`;
        socket.destroy();
      }
    });
    socket.on("error", (error) => {
      reason = `cannot be reached: ${error.message}`;
    });
    socket.on("close", () => {
      if (link === undefined) reject(unavailable(reason));
      else options.onLost(reason);
    });
    return promise;

    function greeted(on: Socket, welcome: Welcome, given: StoreLinkOptions): StoreLink {
      if (welcome.version === WIRE_VERSION) return new StoreLink(on, welcome, given);
      throw new TachikomaError(
        "STORE_UNAVAILABLE",
        `it speaks version ${welcome.version}, and this is ${WIRE_VERSION}: restart the whole server`,
      );
    }
  }

  /** At the end of the turn, so that calls made together travel together. */
  send(call: Call, byteCount: number): void {
    this.#outgoing.push({ call, byteCount });
    if (this.#isSendScheduled) return;
    this.#isSendScheduled = true;
    setImmediate(() => {
      this.#isSendScheduled = false;
      this.#flush();
    });
  }

  /** Sends what is there, then ends. */
  close(): void {
    this.#flush();
    this.#socket.end();
  }

  #flush(): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    let calls: Call[] = [];
    let byteCount = 0;
    for (const one of outgoing) {
      if (calls.length > 0 && byteCount + one.byteCount > FULL_FRAME_BYTES) {
        this.#write(calls);
        calls = [];
        byteCount = 0;
      }
      calls.push(one.call);
      byteCount += one.byteCount + OVERHEAD_BYTES;
    }
    if (calls.length > 0) this.#write(calls);
  }

  #write(calls: readonly Call[]): void {
    if (this.#socket.destroyed) return;
    try {
      this.#socket.write(frameOf(calls));
    } catch (thrown) {
      // One of them is too large, or cannot be copied to another process: that one alone is refused.
      if (calls.length > 1) for (const call of calls) this.#write([call]);
      else this.#options.onUnsendable(calls[0]!, unavailable("cannot be sent this", thrown));
    }
  }
}
