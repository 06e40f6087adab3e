/** In calm weather a cancel takes effect soon, from whatever node it is asked. */
import { LibraryClient } from "./actors/library-client.ts";
import type { ModelInput } from "./actors/model.ts";
import type { World } from "./world.ts";

/** Runs for far longer than the trial. */
const LONG: ModelInput = { seed: 1, kind: "plain", chunkCount: 200, maxPauseMs: 300 };
const START_MS = 2_000;
const CANCEL_MS = 4_000;

export async function tryCancel(world: World, letPass: (ms: number) => Promise<void>): Promise<void> {
  const { actors, channels, recorder, executionIds, cancels, dice } = world;
  const channel = channels[0]!;
  const [owner, other] = actors.filter(
    (actor): actor is LibraryClient =>
      actor instanceof LibraryClient && actor.isOnline && !world.isRevoked(actor.name, channel),
  );
  if (owner === undefined || other === undefined) return;
  const countBefore = executionIds.length;
  owner.execute(channel, LONG, dice);
  await letPass(START_MS);
  const id = executionIds[countBefore];
  if (id === undefined) return recorder.find("cancel", `${owner.name} could not start an execution`);
  other.cancelOne(id);
  const watched = cancels.at(-1)!;
  await letPass(CANCEL_MS);
  if (watched.status !== "applied")
    recorder.find("cancel", `${id} was not cancelled within ${CANCEL_MS} ms, but ${watched.status}`);
}
