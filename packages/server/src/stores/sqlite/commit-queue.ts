/**
 * Group commit. One batch is under way at a time; what is called meanwhile waits and goes out together as the next. There
 * is no timer: on an idle server a call goes out at the end of the running task, so its latency is one round trip; the
 * busier the server, the more calls share a transaction, and the less each costs.
 *
 * Writes and reads wait in two lines and a batch takes its share of both, so neither starves the other. A read never
 * overtakes a write that was called before it.
 */
import { TachikomaError } from "@tachikoma/protocol";
import { errorOf } from "./failure-error.ts";
import type { Answers, Batch, ReadCall, WriteCall } from "./sqlite-call.ts";

export interface QueueLimits {
  /** Calls that may wait, of both kinds. */
  readonly maxQueuedCalls: number;
  /** Content that may wait, in bytes. */
  readonly maxQueuedBytes: number;
}

const MAX_BATCH_WRITES = 2048;
/** A batch takes at least one write, however large. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const MAX_BATCH_READS = 32;
/** Writes over which the group size is averaged. */
const GROUP_SIZE_MEMORY = 32;

interface Waiting<Call> {
  readonly call: Call;
  readonly byteCount: number;
  /** For a read: how many writes were called before it. */
  readonly writesBefore: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface BatchUnderWay {
  /** What is not answered yet. */
  writes: readonly Waiting<WriteCall>[];
  reads: readonly Waiting<ReadCall>[];
}

export class CommitQueue {
  readonly #post: (batch: Batch) => void;
  readonly #limits: QueueLimits;
  #writes: Waiting<WriteCall>[] = [];
  #reads: Waiting<ReadCall>[] = [];
  #queuedBytes = 0;
  #calledWrites = 0;
  #sentWrites = 0;
  #underWay: BatchUnderWay | undefined;
  #isSendScheduled = false;
  #groupSize = 1;
  /** Why nothing is taken any more. */
  #refusal: TachikomaError | undefined;
  #onDrained: (() => void) | undefined;

  constructor(post: (batch: Batch) => void, limits: QueueLimits) {
    this.#post = post;
    this.#limits = limits;
  }

  get isIdle(): boolean {
    return this.#underWay === undefined && this.#writes.length === 0 && this.#reads.length === 0;
  }

  /** How many writes have shared a commit lately, as the average write sees it: near 1 on an idle server. */
  get groupSize(): number {
    return this.#groupSize;
  }

  write(call: WriteCall, byteCount: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#admit(byteCount);
      this.#calledWrites += 1;
      this.#writes.push({ call, byteCount, writesBefore: 0, resolve, reject });
    });
  }

  read(call: ReadCall): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#admit(0);
      this.#reads.push({ call, byteCount: 0, writesBefore: this.#calledWrites, resolve, reject });
    });
  }

  settleWrites(answers: Answers): void {
    const settled = this.#underWay?.writes ?? [];
    if (this.#underWay !== undefined) this.#underWay.writes = [];
    settle(settled, answers);
    this.#advance();
  }

  settleReads(answers: Answers): void {
    const settled = this.#underWay?.reads ?? [];
    if (this.#underWay !== undefined) this.#underWay.reads = [];
    settle(settled, answers);
    this.#advance();
  }

  /** Takes nothing more; resolves when all that was taken is answered. */
  drain(refusal: TachikomaError): Promise<void> {
    this.#refusal ??= refusal;
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  /** Nobody will answer any more: rejects what waits and all that comes. */
  fail(error: TachikomaError): void {
    this.#refusal = error;
    const waiting = [
      ...(this.#underWay?.writes ?? []),
      ...(this.#underWay?.reads ?? []),
      ...this.#writes,
      ...this.#reads,
    ];
    this.#underWay = undefined;
    this.#writes = [];
    this.#reads = [];
    this.#queuedBytes = 0;
    for (const { reject } of waiting) reject(error);
    this.#onDrained?.();
  }

  #admit(byteCount: number): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    const { maxQueuedCalls, maxQueuedBytes } = this.#limits;
    const queuedCalls = this.#writes.length + this.#reads.length;
    if (queuedCalls >= maxQueuedCalls) {
      throw new TachikomaError(
        "STORE_UNAVAILABLE",
        `${queuedCalls} calls wait for the store, the limit is ${maxQueuedCalls}`,
      );
    }
    const queuedBytes = this.#queuedBytes + byteCount;
    if (queuedBytes > maxQueuedBytes) {
      throw new TachikomaError(
        "STORE_UNAVAILABLE",
        `${queuedBytes} bytes would wait for the store, the limit is ${maxQueuedBytes}`,
      );
    }
    this.#queuedBytes = queuedBytes;
    this.#scheduleSend();
  }

  /** At the end of the task, so that calls made together travel together. */
  #scheduleSend(): void {
    if (this.#isSendScheduled || this.#underWay !== undefined) return;
    this.#isSendScheduled = true;
    queueMicrotask(() => {
      this.#isSendScheduled = false;
      this.#send();
    });
  }

  #advance(): void {
    if (this.#underWay === undefined) return;
    if (this.#underWay.writes.length > 0 || this.#underWay.reads.length > 0) return;
    this.#underWay = undefined;
    if (this.isIdle) this.#onDrained?.();
    else this.#scheduleSend();
  }

  #send(): void {
    if (this.#underWay !== undefined || this.isIdle) return;
    const writes = this.#takeWrites();
    const reads = this.#takeReads();
    this.#underWay = { writes, reads };
    try {
      this.#post({ writes: writes.map(({ call }) => call), reads: reads.map(({ call }) => call) });
    } catch (cause) {
      // Something in it cannot be copied to another thread, which the types rule out.
      const error = new TachikomaError("INTERNAL", "A call to the store cannot be sent to its thread", {
        cause,
      });
      for (const { reject } of [...writes, ...reads]) reject(error);
      this.#underWay = { writes: [], reads: [] };
      this.#advance();
    }
  }

  #takeWrites(): Waiting<WriteCall>[] {
    let count = 0;
    let byteCount = 0;
    for (const waiting of this.#writes) {
      if (count === MAX_BATCH_WRITES) break;
      if (count > 0 && byteCount + waiting.byteCount > MAX_BATCH_BYTES) break;
      byteCount += waiting.byteCount;
      count += 1;
    }
    this.#queuedBytes -= byteCount;
    this.#sentWrites += count;
    this.#groupSize += (count - this.#groupSize) * Math.min(1, count / GROUP_SIZE_MEMORY);
    return this.#writes.splice(0, count);
  }

  #takeReads(): Waiting<ReadCall>[] {
    let count = 0;
    for (const waiting of this.#reads) {
      if (count === MAX_BATCH_READS || waiting.writesBefore > this.#sentWrites) break;
      count += 1;
    }
    return this.#reads.splice(0, count);
  }
}

function settle(waiting: readonly Waiting<unknown>[], { values, failures }: Answers): void {
  for (const [index, { resolve, reject }] of waiting.entries()) {
    const failure = failures.get(index);
    if (failure === undefined) resolve(values[index]);
    else reject(errorOf(failure));
  }
}
