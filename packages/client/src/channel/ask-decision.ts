import type { Position, ResetReason } from "@tachikoma/protocol";
import type { Place } from "./follower.ts";

/** Where the one subscription on the wire is asked to begin. */
export type Ask =
  | { readonly kind: "head" }
  | { readonly kind: "start" }
  | { readonly kind: "position"; readonly position: Position };

/**
 * What to ask the server for next, so that everyone is placed and nobody is behind the stream; `undefined` when that is so.
 * Readers with a cursor come last: those ahead of it see what is sent again as duplicates.
 */
export function decideAsk(places: readonly Place[], stream: Position | undefined): Ask | undefined {
  if (places.some((place) => place.kind === "head")) return { kind: "head" };
  if (places.some((place) => place.kind === "start")) return { kind: "start" };
  // From the furthest to the nearest, so that the last answer is the one that suits all.
  const claimed = positionsOf(places, "claimed").sort((a, b) => b.seq - a.seq)[0];
  if (claimed !== undefined) return { kind: "position", position: claimed };
  const behind = positionsOf(places, "placed")
    .filter((position) => stream === undefined || isBehind(position, stream))
    .sort((a, b) => a.seq - b.seq)[0];
  return behind === undefined ? undefined : { kind: "position", position: behind };
}

function isBehind(position: Position, stream: Position): boolean {
  return position.epoch !== stream.epoch || position.seq < stream.seq;
}

function positionsOf(places: readonly Place[], kind: "claimed" | "placed"): Position[] {
  return places.flatMap((place) => (place.kind === kind ? [place.cursor.position] : []));
}

/**
 * Whether a `reset` to `to` concerns a reader at `position`. `asked` is the position that the server could not continue
 * from; `undefined` when the reset came by itself.
 */
export function isResetBy(
  position: Position,
  reset: { readonly reason: ResetReason; readonly to: Position; readonly asked: Position | undefined },
): boolean {
  if (position.epoch !== reset.to.epoch) return true;
  // Retained from here on: who is already there has missed nothing.
  if (reset.reason === "trimmed") return position.seq < reset.to.seq;
  if (reset.asked === undefined) return true;
  // The position that was asked belongs to another log than this reader's.
  if (reset.asked.epoch !== position.epoch) return false;
  return position.seq >= reset.asked.seq;
}
