import { ERRORS } from "@tachikoma/protocol";

/** The bounds within which the promises hold. */
export interface CheckOptions {
  /** False where the mode under test may lose acknowledged records (C5 is then excused, C6 never is). */
  readonly isDurable: boolean;
  /**
   * False where a log may be put back to what it was and go on under the same identity. Then its numbers are given twice, and only
   * the tags tell one record from the other.
   */
  readonly areNumbersUnique: boolean;
  /** How long after a revoke a delivery may still be under way. */
  readonly revokeGraceMs: number;
  /** How long after an accepted cancel a chunk may still be appended. */
  readonly cancelChunkGraceMs: number;
  /** How soon after an accepted cancel the request to the model must be aborted. */
  readonly cancelAbortMs: number;
  /** Lease of an execution, and what the takeover may take on top. */
  readonly leaseTtlMs: number;
  readonly takeoverGraceMs: number;
  /** How soon after `heal` every live session must be at the head. */
  readonly catchUpMs: number;
  /** How long after a fault a connection may still end without a close code. */
  readonly faultAftermathMs: number;
  readonly maxRssBytes: number;
  readonly maxHeapBytes: number;
  /** How far a process may stay above its baseline after the load. */
  readonly settledGrowthRatio: number;
  readonly errorCodes: ReadonlySet<string>;
  readonly closeCodes: ReadonlySet<number>;
}

const MEBIBYTE = 1024 * 1024;

export const DEFAULT_CHECK_OPTIONS: CheckOptions = {
  isDurable: true,
  areNumbersUnique: true,
  revokeGraceMs: 1_000,
  cancelChunkGraceMs: 250,
  cancelAbortMs: 1_000,
  leaseTtlMs: 15_000,
  takeoverGraceMs: 10_000,
  catchUpMs: 30_000,
  faultAftermathMs: 60_000,
  maxRssBytes: 1024 * MEBIBYTE,
  maxHeapBytes: 512 * MEBIBYTE,
  settledGrowthRatio: 0.15,
  errorCodes: new Set(Object.keys(ERRORS)),
  closeCodes: documentedCloseCodes(),
};

/** Those of the catalogue, the normal close, and what the protocol engine itself answers to a broken peer. */
function documentedCloseCodes(): ReadonlySet<number> {
  const codes = new Set([1000, 1002, 1007]);
  for (const entry of Object.values(ERRORS)) {
    if ("closeCode" in entry) codes.add(entry.closeCode);
  }
  return codes;
}
