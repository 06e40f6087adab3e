import type { ErrorCode } from "@tachikoma/protocol";
import type { RecordType } from "../stores/store.ts";

/** What the core reports while it works. Metrics listen here; the core knows nothing of them. */
export interface Observer {
  recordAppended(type: RecordType, count: number): void;
  appendDone(durationMs: number): void;
  storeFailed(operation: string): void;
  pageWritten(recordCount: number, frameCount: number, byteCount: number): void;
  flushPlanned(windowMs: number): void;
  resetSent(reason: string): void;
  messageReceived(type: string): void;
  errorSent(code: ErrorCode): void;
  sessionOpened(outcome: "new" | "resumed" | "unknown_session" | "expired_session" | "foreign_session"): void;
  connectionOpened(): void;
  connectionClosed(closeCode: number): void;
  executionStarted(handler: string): void;
  executionEnded(handler: string, outcome: string): void;
}

export const silentObserver: Observer = {
  recordAppended() {},
  appendDone() {},
  storeFailed() {},
  pageWritten() {},
  flushPlanned() {},
  resetSent() {},
  messageReceived() {},
  errorSent() {},
  sessionOpened() {},
  connectionOpened() {},
  connectionClosed() {},
  executionStarted() {},
  executionEnded() {},
};
