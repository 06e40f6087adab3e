/**
 * One direction of a proxied connection: what is read from one socket waits here until its time has come, and is written to
 * the other in order. The queue is bounded; beyond it reading stops, so the sender feels a slow or dead path as it would
 * on a real one.
 */
import type { Socket } from "node:net";
import type { Dice } from "../../sim/dice.ts";
import type { CutKind, DirectionFaults } from "./connection-faults.ts";

const MAX_QUEUED_BYTES = 256 * 1024;
/** A throttled direction writes at most this often. */
const SLICES_PER_SEC = 20;
/** Enough to find a command of Redis that arrives in two pieces. */
const MAX_RECENT_CHARS = 256;

export interface ProxyClock {
  monotonicMs(): number;
  setTimer(delayMs: number, task: () => void): { cancel(): void };
  defer(task: () => void): void;
}

export interface DirectionOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly clock: ProxyClock;
  readonly dice: Dice;
  readonly onCut: (kind: CutKind) => void;
  /** The sender's side has been reset, and everything before it has been written. */
  readonly onReset: () => void;
}

type Item =
  | { readonly kind: "bytes"; readonly dueMs: number; bytes: Buffer }
  | { readonly kind: "end" | "reset"; readonly dueMs: number };

export class Direction {
  readonly #options: DirectionOptions;
  readonly #queue: Item[] = [];
  readonly #lookedFor = new Set<string>();
  readonly #seen = new Set<string>();
  #faults: DirectionFaults = {};
  #queuedBytes = 0;
  #passedBytes = 0;
  #bytesToCut = Number.POSITIVE_INFINITY;
  #lastDueMs = 0;
  #nextWriteMs = 0;
  #isWaiting = false;
  #isOver = false;
  #recent = "";

  constructor(options: DirectionOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on("data", (bytes) => this.#take(bytes));
    from.on("end", () => this.#push({ kind: "end", dueMs: this.#dueMs() }));
    to.on("drain", () => this.#pump());
  }

  get passedBytes(): number {
    return this.#passedBytes;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  set faults(faults: DirectionFaults) {
    this.#faults = faults;
    this.#bytesToCut = faults.cut?.afterBytes ?? Number.POSITIVE_INFINITY;
    this.#regulate();
    if (this.#bytesToCut === 0) this.#cut();
    else this.#pump();
  }

  /** Remembers from now on whether this text passes, whatever its case. */
  watchFor(text: string): void {
    this.#lookedFor.add(text.toUpperCase());
  }

  hasSeen(text: string): boolean {
    return this.#seen.has(text.toUpperCase());
  }

  /** The sender's side was reset. */
  reset(): void {
    this.#push({ kind: "reset", dueMs: this.#dueMs() });
  }

  stop(): void {
    this.#isOver = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #take(bytes: Buffer): void {
    this.#lookFor(bytes);
    this.#queuedBytes += bytes.length;
    this.#push({ kind: "bytes", dueMs: this.#dueMs(), bytes });
    this.#regulate();
  }

  #lookFor(bytes: Buffer): void {
    if (this.#lookedFor.size === this.#seen.size) return;
    const text = (this.#recent + bytes.toString("latin1")).toUpperCase();
    for (const wanted of this.#lookedFor) if (text.includes(wanted)) this.#seen.add(wanted);
    this.#recent = text.slice(-MAX_RECENT_CHARS);
  }

  #dueMs(): number {
    const { delayMs = 0, jitterMs = 0 } = this.#faults;
    const waitMs = delayMs + (jitterMs > 0 ? this.#options.dice.random.fraction() * jitterMs : 0);
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#options.clock.monotonicMs() + waitMs);
    return this.#lastDueMs;
  }

  #push(item: Item): void {
    if (this.#isOver) return;
    this.#queue.push(item);
    this.#pump();
  }

  #regulate(): void {
    const { from } = this.#options;
    const mustWait = this.#faults.isHeld === true || this.#queuedBytes >= MAX_QUEUED_BYTES;
    if (mustWait) from.pause();
    else from.resume();
  }

  #pump(): void {
    while (!this.#isOver && !this.#isWaiting && this.#faults.isHeld !== true) {
      const item = this.#queue[0];
      if (item === undefined || this.#options.to.writableNeedDrain) return;
      const waitMs = Math.max(item.dueMs, this.#nextWriteMs) - this.#options.clock.monotonicMs();
      if (waitMs > 0) return this.#pumpAfter(waitMs);
      if (item.kind === "bytes") this.#pass(item);
      else this.#finish(item.kind);
    }
  }

  #pumpAfter(waitMs: number): void {
    this.#isWaiting = true;
    this.#options.clock.setTimer(waitMs, () => {
      this.#isWaiting = false;
      this.#pump();
    });
  }

  #pass(item: { bytes: Buffer }): void {
    const size = Math.min(this.#sliceBytes(item.bytes.length), this.#bytesToCut);
    const slice = item.bytes.subarray(0, size);
    item.bytes = item.bytes.subarray(size);
    if (item.bytes.length === 0) this.#queue.shift();
    this.#queuedBytes -= size;
    this.#passedBytes += size;
    this.#bytesToCut -= size;
    this.#regulate();
    const isCut = this.#bytesToCut === 0;
    // Only when the last bytes have left this process: a reset takes back what still waits in it.
    this.#options.to.write(slice, isCut ? () => this.#cut() : undefined);
    if (isCut) this.stop();
    else this.#restBetweenSlices(size);
  }

  #sliceBytes(availableBytes: number): number {
    const { maxSliceBytes, bytesPerSec } = this.#faults;
    let size = availableBytes;
    if (bytesPerSec !== undefined) size = Math.min(size, Math.ceil(bytesPerSec / SLICES_PER_SEC));
    if (maxSliceBytes !== undefined) size = Math.min(size, this.#options.dice.between(1, maxSliceBytes));
    return size;
  }

  #restBetweenSlices(sliceBytes: number): void {
    const { maxSliceBytes, bytesPerSec } = this.#faults;
    if (bytesPerSec !== undefined)
      this.#nextWriteMs = this.#options.clock.monotonicMs() + (sliceBytes / bytesPerSec) * 1_000;
    if (maxSliceBytes === undefined) return;
    // A turn of the loop apart, so that each slice leaves as a segment of its own.
    this.#isWaiting = true;
    this.#options.clock.defer(() => {
      this.#isWaiting = false;
      this.#pump();
    });
  }

  #finish(kind: "end" | "reset"): void {
    this.stop();
    if (kind === "end") this.#options.to.end();
    else this.#options.onReset();
  }

  #cut(): void {
    this.stop();
    this.#options.onCut(this.#faults.cut?.kind ?? "rst");
  }
}
