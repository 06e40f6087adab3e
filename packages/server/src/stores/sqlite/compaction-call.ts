/** What the main side and the thread that compacts a database say to each other. */
import type { Failure } from "./sqlite-call.ts";

export interface CompactionSettings {
  readonly path: string;
  readonly lockTimeoutMs: number;
}

export interface CompactionResult {
  /** The file's one true path. */
  readonly path: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export type FromCompaction =
  | { readonly type: "compacted"; readonly result: CompactionResult }
  | { readonly type: "refused"; readonly failure: Failure };
