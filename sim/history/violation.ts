import type { HistoryRecord } from "./history-record.ts";

export type InvariantId =
  | "C1"
  | "C2"
  | "C3"
  | "C4"
  | "C5"
  | "C6"
  | "C7"
  | "C8"
  | "C9"
  | "C10"
  | "C11"
  | "C12"
  | "C13"
  | "C14"
  | "C15";

export interface Violation {
  readonly invariant: InvariantId;
  readonly text: string;
  /** The records that prove it, in the order of the history. */
  readonly records: readonly HistoryRecord[];
}
