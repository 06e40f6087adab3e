/**
 * One node at the store: its calls go to the store as they come, its answers and hints are collected and go out together.
 *
 * What waits for a node that does not read is bounded: beyond `PAUSE_BYTES` no more of its calls are read, and hints are
 * dropped (it is told that some were, once it reads again); beyond `MAX_WAITING_BYTES` it is cut off.
 */
import type { Socket } from "node:net";
import type { Position } from "@tachikoma/protocol";
import type { AppendRequest, AppendResult, LogKey, ReadResult, Store } from "../store.ts";
import {
  type AnswerToCall,
  type Asked,
  type Call,
  FrameReader,
  FULL_FRAME_BYTES,
  frameOf,
  type Hello,
  OVERHEAD_BYTES,
  type Reply,
  WIRE_VERSION,
} from "./wire.ts";
import { failureOf, unavailable } from "./wire-failure.ts";

const PAUSE_BYTES = 4 * 1024 * 1024;
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

export interface NodeEvents {
  readonly store: Store;
  /** Both return the name under which the log is followed. */
  readonly follow: (key: LogKey) => string;
  readonly unfollow: (key: LogKey) => string;
  readonly appended: (key: LogKey, result: AppendResult) => void;
  readonly say: (key: LogKey, note: string) => void;
  /** Cut off, and why. */
  readonly dropped: (reason: string) => void;
  readonly gone: (followed: Iterable<string>) => void;
}

export class ServedNode {
  readonly #socket: Socket;
  readonly #events: NodeEvents;
  readonly #reader = new FrameReader();
  readonly #followed = new Set<string>();
  #isKnown = false;
  #answers: AnswerToCall[] = [];
  #answerBytes = 0;
  #heads = new Map<string, readonly [LogKey, Position]>();
  #notes: (readonly [LogKey, string])[] = [];
  #areHintsLost = false;
  #isSendScheduled = false;

  constructor(socket: Socket, events: NodeEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on("data", (piece: Buffer) => this.#read(piece));
    socket.on("drain", () => this.#drained());
    // The end is told by `close`.
    socket.on("error", () => {});
    socket.on("close", () => events.gone(this.#followed));
  }

  hearHead(id: string, key: LogKey, head: Position): void {
    if (!this.#mayHint()) return;
    // The latest is as good as all of them.
    this.#heads.set(id, [key, head]);
    this.#scheduleSend();
  }

  hearNote(key: LogKey, note: string): void {
    if (!this.#mayHint()) return;
    this.#notes.push([key, note]);
    this.#scheduleSend();
  }

  close(): void {
    this.#socket.destroy();
  }

  #mayHint(): boolean {
    if (this.#socket.writableLength < PAUSE_BYTES) return true;
    this.#areHintsLost = true;
    return false;
  }

  #read(piece: Buffer): void {
    try {
      for (const value of this.#reader.read(piece)) {
        if (this.#isKnown) for (const call of value as readonly Call[]) this.#take(call);
        else this.#greet(value as Hello);
      }
    } catch (thrown) {
      this.#drop(`sent what cannot be read: ${failureOf(thrown).message}`);
    }
  }

  #greet({ version, followed }: Hello): void {
    const { kind, appendIntervalMs } = this.#events.store;
    this.#socket.write(frameOf({ version: WIRE_VERSION, kind, appendIntervalMs }));
    if (version !== WIRE_VERSION) {
      this.#drop(`speaks version ${version}, and this is ${WIRE_VERSION}`);
      return;
    }
    this.#isKnown = true;
    for (const key of followed) this.#followed.add(this.#events.follow(key));
  }

  #take([number, method, args]: Call): void {
    switch (method) {
      case "say":
        this.#events.say(...(args as [LogKey, string]));
        return;
      case "unfollow":
        this.#followed.delete(this.#events.unfollow(args[0] as LogKey));
        return;
      case "follow":
        this.#followed.add(this.#events.follow(args[0] as LogKey));
        this.#answer([number, undefined], 0);
        return;
      case "append":
        this.#append(number, args[0] as AppendRequest);
        return;
      default:
        this.#ask(method, args).then(
          (value) => this.#answer([number, value], weightOf(value)),
          (thrown: unknown) => this.#answer([number, undefined, failureOf(thrown)], 0),
        );
    }
  }

  #append(number: number, request: AppendRequest): void {
    this.#events.store.append(request).then(
      (result) => {
        this.#answer([number, result], 0);
        if (!result.isDuplicate) this.#events.appended(request.key, result);
      },
      (thrown: unknown) => this.#answer([number, undefined, failureOf(thrown)], 0),
    );
  }

  async #ask(method: Exclude<Asked, "append" | "follow">, args: readonly unknown[]): Promise<unknown> {
    const { store } = this.#events;
    if (!ASKED.has(method)) throw unavailable(`knows no call ${method}`);
    return (store[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
  }

  #answer(answer: AnswerToCall, byteCount: number): void {
    this.#answers.push(answer);
    this.#answerBytes += byteCount + OVERHEAD_BYTES;
    if (this.#answerBytes >= FULL_FRAME_BYTES) this.#send();
    else this.#scheduleSend();
  }

  /** When all that is ready now has been settled: what comes together goes together. */
  #scheduleSend(): void {
    if (this.#isSendScheduled) return;
    this.#isSendScheduled = true;
    setImmediate(() => {
      this.#isSendScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    const reply: Reply = {
      answers: this.#answers,
      heads: [...this.#heads.values()],
      notes: this.#notes,
      areHintsLost: this.#areHintsLost && socket.writableLength < PAUSE_BYTES,
      appendIntervalMs: this.#events.store.appendIntervalMs,
    };
    if (reply.answers.length + reply.heads.length + reply.notes.length === 0 && !reply.areHintsLost) return;
    this.#answers = [];
    this.#answerBytes = 0;
    this.#heads.clear();
    this.#notes = [];
    if (reply.areHintsLost) this.#areHintsLost = false;
    socket.write(frameOfReply(reply));
    if (socket.writableLength > MAX_WAITING_BYTES) this.#drop("does not read its answers");
    else if (socket.writableLength >= PAUSE_BYTES) socket.pause();
  }

  #drained(): void {
    this.#socket.resume();
    if (this.#areHintsLost) this.#scheduleSend();
  }

  #drop(reason: string): void {
    this.#events.dropped(reason);
    // What was written says why, where the other side can still read it.
    this.#socket.destroySoon();
  }
}

const ASKED: ReadonlySet<string> = new Set<Asked>([
  "ping",
  "openLog",
  "read",
  "logState",
  "logStates",
  "deleteLog",
  "loadSession",
  "claimSession",
  "saveSession",
  "deleteSession",
  "claimReceipt",
  "updateReceipt",
  "acquireLease",
  "findLease",
  "renewLease",
  "releaseLease",
  "expiredLeases",
  "enroll",
  "strike",
  "readRoster",
  "strikeLease",
  "sweep",
]);

/** In characters, of the one answer that can be large. */
function weightOf(value: unknown): number {
  if (typeof value !== "object" || value === null || !("records" in value)) return 0;
  return (value as ReadResult).records.reduce((sum, { body }) => sum + body.length + OVERHEAD_BYTES, 0);
}

function frameOfReply(reply: Reply): Buffer {
  try {
    return frameOf(reply);
  } catch (thrown) {
    // Together they are too large, or one is: those who asked are told, and nobody waits for ever.
    const failure = failureOf(unavailable("has an answer that is too large", thrown));
    const answers = reply.answers.map(([number]): AnswerToCall => [number, undefined, failure]);
    return frameOf({ ...reply, answers });
  }
}
