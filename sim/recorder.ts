import { createHash } from "node:crypto";
import type { HistoryRecord } from "./history/history-record.ts";
import type { Violation } from "./history/violation.ts";

type WithoutTime<T> = T extends HistoryRecord ? Omit<T, "timeMs"> : never;

/** What one run leaves behind: its history for the checker, a trace for people, and what the world itself found wrong. */
export class Recorder {
  readonly history: HistoryRecord[] = [];
  readonly trace: string[] = [];
  readonly findings: { readonly check: string; readonly text: string }[] = [];
  readonly #nowMs: () => number;
  readonly #hash = createHash("sha256");

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  write(record: WithoutTime<HistoryRecord>): void {
    const timed = { ...record, timeMs: this.#nowMs() } as HistoryRecord;
    this.history.push(timed);
    this.note(JSON.stringify(record));
  }

  note(text: string): void {
    const line = `${this.#nowMs()} ${text}`;
    this.trace.push(line);
    this.#hash.update(line);
  }

  /** Something is wrong that the history alone does not show. */
  find(check: string, text: string): void {
    this.findings.push({ check, text });
    this.note(`FOUND ${check} ${text}`);
  }

  digest(): string {
    return this.#hash.copy().digest("hex").slice(0, 16);
  }
}

export interface Problem {
  readonly check: string;
  readonly text: string;
}

export function problemOf({ invariant, text }: Violation): Problem {
  return { check: invariant, text };
}
