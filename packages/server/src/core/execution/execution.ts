/**
 * One running execution on the node that owns it.
 *
 *   running --handler's stream ends--> ending --terminal record stored--> ended
 *        `--thrown, cancelled, unwatched, too long, server stops--^
 *
 * The first reason to end wins. From then on nothing that the handler still produces is stored, and exactly one terminal record
 * follows: the append carries the execution's own key and fence.
 */
import { type Chunk, encodeChunk, errorCodeOf, TachikomaError, type Usage } from "@tachikoma/protocol";
import type { Handler, HandlerOutput, HandlerStream } from "../../executions/handler.ts";
import type { Fence, LogKey, NewRecord } from "../../stores/store.ts";
import type { Identity } from "../identity.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import type { AppendPace } from "./append-pace.ts";
import { type AppendPlace, ChunkWriter } from "./chunk-writer.ts";
import { breakingChunk, type ExecutionEnd, endForThrown, terminalRecord } from "./execution-end.ts";
import { InputQueue, type WaitingInput } from "./input-queue.ts";
import { messageIdFor } from "./message-id.ts";
import { Output } from "./output.ts";

export interface ExecutionOptions {
  readonly id: string;
  readonly key: LogKey;
  readonly handlerName: string;
  readonly handler: Handler;
  readonly identity: Identity;
  readonly sessionId: string | undefined;
  readonly input: unknown;
  /** Counts from 1. */
  readonly attempt: number;
  /** Whether another owner would run it anew. */
  readonly mayRestart: boolean;
  readonly fence: Fence;
  /** Its first record, and where this attempt began. */
  readonly started: NewRecord;
  readonly begin: AppendPlace;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxWaitingInputs: number;
  readonly maxDurationMs: number;
  /** True where the store can lose its tail while this process lives. */
  readonly isStoreShared: boolean;
  readonly pace: AppendPace;
}

/** Pauses between tries to store the terminal record while the store is away. */
const END_RETRY_MS = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000] as const;

const STOPPED = Symbol("stopped");

export class Execution {
  readonly id: string;
  readonly key: LogKey;
  readonly handlerName: string;
  readonly sessionId: string | undefined;
  readonly fence: Fence;
  readonly mayRestart: boolean;
  /** Resolves when the handler itself has come to its end, which may be long after that of its execution, or never. */
  readonly handlerSettled: Promise<void>;
  /** Resolves with how it ended once the terminal record is stored; `undefined` when this node may not write it any more. */
  readonly ended: Promise<ExecutionEnd | undefined>;
  readonly #options: ExecutionOptions;
  readonly #abort = new AbortController();
  readonly #inputs: InputQueue;
  readonly #output: Output;
  readonly #writer: ChunkWriter;
  #usage: Usage = {};
  #end: ExecutionEnd | undefined;
  #isFenced = false;
  #isTailLost = false;
  #stopPulling: (() => void) | undefined;
  readonly #settled = Promise.withResolvers<void>();
  #durationTimer: Timer | undefined;

  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.id = options.id;
    this.key = options.key;
    this.handlerName = options.handlerName;
    this.sessionId = options.sessionId;
    this.fence = options.fence;
    this.mayRestart = options.mayRestart;
    this.#inputs = new InputQueue(options.maxWaitingInputs);
    this.#output = new Output(messageIdFor(options.input, options.id));
    this.#writer = new ChunkWriter({
      hub: options.hub,
      key: options.key,
      clock: options.clock,
      executionId: options.id,
      fence: options.fence,
      begin: options.begin,
      pace: options.pace,
      onFailed: (cause) => this.#onStoreFailed(cause),
      onTailLost: () => this.#onTailLost(),
    });
    this.#durationTimer = options.clock.setTimer(options.maxDurationMs, () =>
      this.stop(
        endForThrown(
          new TachikomaError(
            "EXECUTION_TIMEOUT",
            `The execution took longer than ${options.maxDurationMs} ms`,
          ),
        ),
      ),
    );
    this.handlerSettled = this.#settled.promise;
    this.ended = this.#run();
  }

  /** How it is ending or has ended; `undefined` while it runs. */
  get end(): ExecutionEnd | undefined {
    return this.#end;
  }

  get areInputsFull(): boolean {
    return this.#inputs.isFull;
  }

  pushInput(input: WaitingInput): void {
    this.#inputs.push(input);
  }

  /** Ends it this way, unless it is ending already. */
  stop(end: ExecutionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#abort.abort(new DOMException(`Execution ${end.kind}`, "AbortError"));
    this.#stopPulling?.();
  }

  /** Another owner has taken over: nothing more may be written, not even the end. */
  fenceOff(): void {
    this.#isFenced = true;
    this.#writer.abandon();
    this.stop({ kind: "interrupted", reason: "owner_lost" });
  }

  async #run(): Promise<ExecutionEnd | undefined> {
    try {
      await this.#pullAll();
    } catch (thrown) {
      this.#settled.resolve();
      this.#onThrown(thrown);
    }
    this.#durationTimer?.cancel();
    this.#inputs.close();
    await this.#writer.flush();
    this.#end ??= this.#endOfContent();
    // The signal also tells what the handler may still hold open that nobody listens any more.
    this.#abort.abort(new DOMException(`Execution ${this.#end.kind}`, "AbortError"));
    return (await this.#storeEnd()) ? this.#end : undefined;
  }

  async #pullAll(): Promise<void> {
    const { handler, identity, input, key, attempt } = this.#options;
    const started = handler({
      executionId: this.id,
      channel: key.channel,
      attempt,
      identity,
      input,
      signal: this.#abort.signal,
      inputs: this.#inputs,
      usage: (usage) => {
        if (this.#end === undefined) this.#usage = usage;
      },
    });
    const stream = await this.#orStopped(Promise.resolve(started));
    if (stream === STOPPED) this.#settleWith(Promise.resolve(started));
    else await this.#pullFrom(iteratorOf(stream));
  }

  /**
   * Takes what the handler makes, one piece after the other. Callbacks in place of a loop with `await`: this runs for every token, and
   * costs half as much.
   */
  #pullFrom(iterator: AsyncIterator<HandlerOutput>): Promise<void> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const fail = (cause: unknown) => {
        if (isOver) return this.#logLate(cause);
        isOver = true;
        reject(cause);
      };
      const stop = () => {
        if (isOver) return;
        isOver = true;
        this.#settleWith(iterator.return?.());
        resolve();
      };
      const take = (next: IteratorResult<HandlerOutput>) => {
        if (isOver) return;
        if (next.done === true) {
          isOver = true;
          this.#settled.resolve();
          return resolve();
        }
        try {
          const isAhead = this.#writer.write(this.#output.accept(next.value));
          if (isAhead === undefined) pull();
          else isAhead.then(pull, fail);
        } catch (cause) {
          fail(cause);
        }
      };
      const pull = () => {
        if (this.#end !== undefined) return stop();
        iterator.next().then(take, fail);
      };
      this.#stopPulling = stop;
      pull();
    });
  }

  /** Not waited for: a handler that does not listen to its signal must not hold up the end. */
  #settleWith(late: Promise<unknown> | undefined): void {
    Promise.resolve(late).then(
      () => this.#settled.resolve(),
      (cause: unknown) => {
        this.#logLate(cause);
        this.#settled.resolve();
      },
    );
  }

  /** Resolves early when the execution is stopped; a late failure of the promise is only logged. */
  #orStopped<T>(promise: Promise<T>): Promise<T | typeof STOPPED> {
    if (this.#end !== undefined) {
      promise.catch((cause: unknown) => this.#logLate(cause));
      return Promise.resolve(STOPPED);
    }
    return new Promise((resolve, reject) => {
      this.#stopPulling = () => resolve(STOPPED);
      promise.then(resolve, reject);
    });
  }

  #onThrown(thrown: unknown): void {
    if (this.#end !== undefined) return this.#logLate(thrown);
    const { logger } = this.#options;
    logger.warn({ err: thrown, executionId: this.id, handler: this.handlerName }, "Handler failed");
    this.#end = endForThrown(thrown);
  }

  #endOfContent(): ExecutionEnd {
    const { errorText } = this.#output;
    if (errorText === undefined) return { kind: "completed" };
    return { kind: "failed", error: { code: "HANDLER_FAILED", message: errorText } };
  }

  #onStoreFailed(cause: unknown): void {
    if (errorCodeOf(cause) === "FENCED") return this.fenceOff();
    this.#options.logger.error({ err: cause, executionId: this.id }, "Chunks could not be stored");
    this.stop(endForThrown(new TachikomaError("STORE_UNAVAILABLE", undefined, { cause })));
  }

  /** What readers would be given has a hole: it must not look like a whole answer. */
  #onTailLost(): void {
    this.#isTailLost = true;
    this.#options.logger.warn({ executionId: this.id }, "The store has lost a part of what was written");
    const lost = new TachikomaError("STORE_UNAVAILABLE", "The store has lost a part of the answer");
    if (this.#end?.kind === "completed") this.#end = endForThrown(lost);
    else this.stop(endForThrown(lost));
  }

  /** Stores the end and what closes the content, in one append. False when this node may not, or cannot. */
  async #storeEnd(): Promise<boolean> {
    const { hub, key, fence, clock, logger } = this.#options;
    let records: readonly NewRecord[] | undefined;
    for (const retryMs of [...END_RETRY_MS, undefined]) {
      if (this.#isFenced) return false;
      try {
        records ??= await this.#lastRecords();
        const stored = await hub.append(key, records, { fence, idempotencyKey: endKey(this.id) });
        return !stored.isDuplicate || (await this.#hasEndedAs(this.#end!, stored.lastSeq));
      } catch (cause) {
        if (errorCodeOf(cause) === "FENCED" || this.#isFenced) return false;
        logger.error({ err: cause, executionId: this.id, retryMs }, "The end could not be stored");
        if (retryMs === undefined) return false;
        await new Promise<void>((resolve) => clock.setTimer(retryMs, resolve));
      }
    }
    return false;
  }

  /** What closes the content, and the terminal record. */
  async #lastRecords(): Promise<NewRecord[]> {
    if (this.#end?.kind === "completed" && this.#options.isStoreShared) await this.#writer.verify();
    if (this.#isTailLost) await this.#restoreStart();
    const end = this.#end!;
    const closing =
      end.kind === "completed" ? this.#output.complete() : this.#output.breakOff(breakingChunk(end));
    return [...closing.map((chunk) => this.#chunkRecord(chunk)), terminalRecord(this.id, end, this.#usage)];
  }

  /** The start may be part of what was lost, and an end without it helps nobody. */
  async #restoreStart(): Promise<void> {
    const { hub, key, fence, started } = this.#options;
    await hub.append(key, [started], { fence, idempotencyKey: startKey(this.id) });
  }

  /** An end that was there before is this node's own, whose answer was lost, or that of whoever took the execution over. */
  async #hasEndedAs(end: ExecutionEnd, seq: number): Promise<boolean> {
    const { hub, key } = this.#options;
    const read = await hub.read(key, seq - 1, 1, 1);
    const record = read?.records[0];
    return record === undefined || record.type === `execution_${end.kind}`;
  }

  #chunkRecord(chunk: Chunk): NewRecord {
    return { type: "chunk", body: encodeChunk(chunk), executionId: this.id };
  }

  #logLate(cause: unknown): void {
    this.#options.logger.debug({ err: cause, executionId: this.id }, "Handler failed after its end");
  }
}

/** Idempotency key of the terminal record, whoever writes it. */
export function endKey(executionId: string): string {
  return `end:${executionId}`;
}

/** Idempotency key of the `execution_started` record, whoever writes it. */
export function startKey(executionId: string): string {
  return `start:${executionId}`;
}

/** Idempotency key of the record with which an attempt begins that is not the first. */
export function restartKey(executionId: string, attempt: number): string {
  return `restart:${executionId}:${attempt}`;
}

function iteratorOf(stream: HandlerStream): AsyncIterator<HandlerOutput> {
  if (typeof stream === "object" && stream !== null && Symbol.asyncIterator in stream) {
    return stream[Symbol.asyncIterator]();
  }
  throw new TachikomaError(
    "INVALID_CHUNK",
    "The handler returned neither an async iterable nor a ReadableStream",
  );
}
