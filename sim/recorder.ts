import { createHash } from "node:crypto";
import type { HistoryRecord } from "./history/history-record.ts";
import type { Violation } from "./history/violation.ts";

type WithoutTime<T> = T extends HistoryRecord ? Omit<T, "timeMs"> : never;

/** What one run leaves behind: its history for the checker, a trace for people, and what the world itself found wrong. */
export class Recorder {
  readonly history: HistoryRecord[] = [];
  readonly findings: Problem[] = [];
  readonly #entries: { readonly timeMs: number; readonly what: string | HistoryRecord }[] = [];
  readonly #nowMs: () => number;
  readonly #isTraced: boolean;

  /** @param isTraced false for one of many runs: whoever wants to see how it went runs it again */
  constructor(nowMs: () => number, isTraced = true) {
    this.#nowMs = nowMs;
    this.#isTraced = isTraced;
  }

  write(record: WithoutTime<HistoryRecord>): void {
    const timeMs = this.#nowMs();
    // Made for this call, so it can be completed in place.
    const timed = Object.assign(record, { timeMs }) as HistoryRecord;
    this.history.push(timed);
    if (this.#isTraced) this.#entries.push({ timeMs, what: timed });
  }

  /** Takes its text in parts, which nobody needs to join for a run that is not traced. */
  note(what: string, relation = "", object = ""): void {
    if (this.#isTraced) this.#entries.push({ timeMs: this.#nowMs(), what: what + relation + object });
  }

  /** Something is wrong that the history alone does not show. */
  find(check: string, text: string): void {
    this.findings.push({ check, text });
    this.note(`FOUND ${check} ${text}`);
  }

  /** Everything that happened, a line each. Made when it is asked for: most runs are not looked at. */
  trace(): string[] {
    return this.#entries.map(
      ({ timeMs, what }) => `${timeMs} ${typeof what === "string" ? what : JSON.stringify(what)}`,
    );
  }
}

/** Two runs with the same digest took the same course. */
export function traceDigest(trace: readonly string[]): string {
  return createHash("sha256").update(trace.join("\n")).digest("hex").slice(0, 16);
}

export interface Problem {
  readonly check: string;
  readonly text: string;
}

export function problemOf({ invariant, text }: Violation): Problem {
  return { check: invariant, text };
}
