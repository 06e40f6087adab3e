/**
 * Can a reader go on right after a position, provably without having missed anything?
 *
 *   position                       log                                    decision
 *   not readable                   any                                    reset invalid_position
 *   another epoch                  any                                    reset epoch_changed
 *   seq > head                     cannot have been read here             reset ahead_of_log
 *   seq < base                     records after it are gone              reset trimmed
 *   tag differs at seq             the log lost its tail and grew anew    reset tag_mismatch
 *   otherwise                      all of seq+1..head is there            continue
 *
 * A reset goes on from the oldest record that is left: the reader rebuilds from what follows.
 */
import { type Position, parsePosition, type ResetReason } from "@tachikoma/protocol";
import type { LogState } from "../stores/store.ts";

export type SettledDecision =
  | { readonly kind: "continue"; readonly from: Position }
  | { readonly kind: "reset"; readonly reason: ResetReason; readonly from: Position };

export type ResumeDecision =
  | SettledDecision
  /** Only the record at `seq` can tell; decide again with its tag (`undefined` when it is gone). */
  | { readonly kind: "needs_tag"; readonly position: Position };

export function decideResume(positionText: string, state: LogState): ResumeDecision {
  const position = parsePosition(positionText);
  if (position === undefined) return { kind: "reset", reason: "invalid_position", from: state.base };
  if (position.epoch !== state.head.epoch)
    return { kind: "reset", reason: "epoch_changed", from: state.base };
  if (position.seq > state.head.seq) return { kind: "reset", reason: "ahead_of_log", from: state.base };
  if (position.seq < state.base.seq) return { kind: "reset", reason: "trimmed", from: state.base };
  if (position.seq === state.head.seq) return decideByTag(position, state.head.tag, state);
  if (position.seq === state.base.seq) return decideByTag(position, state.base.tag, state);
  return { kind: "needs_tag", position };
}

export function decideByTag(
  position: Position,
  tagInLog: string | undefined,
  state: LogState,
): SettledDecision {
  // The record was there when the state was read, so it has been trimmed meanwhile.
  if (tagInLog === undefined) return { kind: "reset", reason: "trimmed", from: state.base };
  if (tagInLog !== position.tag) return { kind: "reset", reason: "tag_mismatch", from: state.base };
  return { kind: "continue", from: position };
}
