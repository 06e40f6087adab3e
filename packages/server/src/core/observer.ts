import type { ErrorCode } from "@tachikoma/protocol";
import type { RecordType } from "../stores/store.ts";

/** What the core reports while it works. Metrics listen here; the core knows nothing of them. */
export interface Observer {
  recordAppended(type: RecordType, count: number): void;
  appendDone(durationMs: number): void;
  storeFailed(operation: string): void;
  pagesWritten(recordCount: number, frameCount: number, byteCount: number): void;
  flushPlanned(windowMs: number): void;
  resetSent(reason: string): void;
  messageReceived(type: string): void;
  errorSent(code: ErrorCode): void;
  sessionOpened(outcome: "new" | "resumed" | "unknown_session" | "expired_session" | "foreign_session"): void;
  connectionOpened(): void;
  connectionClosed(closeCode: number): void;
  executionStarted(handler: string): void;
  executionEnded(handler: string, outcome: string): void;

  // What only happens where several nodes share a store

  /** Another node appended, and this one was told so this much later. */
  wakeUpArrived(lagMs: number): void;
  /** The periodic look at the heads found so many logs that had grown without a wake-up. */
  headRepaired(count: number): void;
  /** An append was refused because somebody else holds the lease by now. */
  fenceHit(): void;
  /** This node took the lease of an execution whose owner had let it expire. */
  leaseTakenOver(outcome: LeaseOutcome): void;
  /** Hints of other nodes may have been missed, such as while the store was away: everything is looked at again. */
  hintsLost(): void;
  /** A command went to the node that runs its execution. */
  commandForwarded(kind: string): void;
  /** A session that had its connection here was resumed on another node. */
  sessionTaken(): void;
  /** The store was away and is there again. */
  storeReconnected(): void;
}

/** What became of an execution whose lease was taken over. `ended`: its owner had written the end and died before it let go. */
export type LeaseOutcome = "interrupted" | "restarted" | "ended";

export const silentObserver: Observer = {
  recordAppended() {},
  appendDone() {},
  storeFailed() {},
  pagesWritten() {},
  flushPlanned() {},
  resetSent() {},
  messageReceived() {},
  errorSent() {},
  sessionOpened() {},
  connectionOpened() {},
  connectionClosed() {},
  executionStarted() {},
  executionEnded() {},
  wakeUpArrived() {},
  headRepaired() {},
  fenceHit() {},
  leaseTakenOver() {},
  hintsLost() {},
  commandForwarded() {},
  sessionTaken() {},
  storeReconnected() {},
};
