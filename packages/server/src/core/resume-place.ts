/** Where a reader of a log begins, whatever surface it came through. */
import type { Position, ResetReason } from "@tachikoma/protocol";
import type { LogKey } from "../stores/store.ts";
import type { LogHub, OpenedLog } from "./log/log-hub.ts";
import { decideByTag, decideResume } from "./resume-decision.ts";

export interface PlaceRequest {
  /** What the reader has, in wire form. */
  readonly position?: string | undefined;
  /** Where to begin without a position. @default "head" */
  readonly since?: "start" | "head" | undefined;
}

export interface ResumePlace {
  readonly from: Position;
  /** Why continuity with the position that was given cannot be proven. */
  readonly resetReason: ResetReason | undefined;
}

export async function placeFor(
  hub: LogHub,
  key: LogKey,
  opened: Pick<OpenedLog, "head" | "state">,
  request: PlaceRequest,
): Promise<ResumePlace> {
  const { position, since } = request;
  if (position === undefined && since !== "start") return { from: opened.head, resetReason: undefined };
  const state = opened.state ?? (await hub.state(key));
  if (position === undefined) return { from: state.base, resetReason: undefined };
  const first = decideResume(position, state);
  const decision =
    first.kind === "needs_tag"
      ? decideByTag(first.position, await hub.tagAt(key, first.position.seq), state)
      : first;
  return { from: decision.from, resetReason: decision.kind === "reset" ? decision.reason : undefined };
}
