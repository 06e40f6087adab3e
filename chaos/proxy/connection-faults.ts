/** What a proxy does to the connections that pass through it. Nothing set: bytes pass as they come. */

export type CutKind = "fin" | "rst";

export interface DirectionFaults {
  /** Each piece arrives this much later at least. */
  readonly delayMs?: number;
  /** Added to the delay, anew for each piece and up to this. Pieces keep their order. */
  readonly jitterMs?: number;
  readonly bytesPerSec?: number;
  /** Bytes are written in slices of 1 to this many. */
  readonly maxSliceBytes?: number;
  /** The connection ends after this many more bytes of this direction. */
  readonly cut?: { readonly afterBytes: number; readonly kind: CutKind };
  /** A black hole: nothing arrives any more, not even the end of the connection. */
  readonly isHeld?: boolean;
}

export interface ConnectionFaults {
  readonly toServer?: DirectionFaults;
  readonly toClient?: DirectionFaults;
}

/**
 * What happens to somebody who connects: `refuse` resets the connection at once, `ignore` accepts it and never reads from it.
 */
export type Admission = "forward" | "refuse" | "ignore";

export const BLACK_HOLE: ConnectionFaults = { toServer: { isHeld: true }, toClient: { isHeld: true } };
