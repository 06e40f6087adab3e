/** What goes wrong between clients and nodes. */
import type { World } from "../world.ts";
import type { WeightedStep } from "./step.ts";

export const LINK_FAULTS: readonly WeightedStep[] = [
  { weight: 6, take: cut },
  { weight: 2, take: blackHole },
  { weight: 4, take: toggleSlow },
];

function cut({ dice, network, recorder }: World): void {
  network.sweep();
  if (network.links.length === 0) return;
  const link = dice.pick(network.links);
  const isServerTold = dice.chance(0.7);
  recorder.note(`cut ${link.id} ${isServerTold}`);
  link.cut(isServerTold);
}

function blackHole({ dice, network, recorder }: World): void {
  if (network.links.length === 0) return;
  const link = dice.pick(network.links);
  recorder.note(`black hole ${link.id}`);
  link.isBlackHole = true;
}

function toggleSlow({ dice, network, recorder }: World): void {
  if (network.links.length === 0) return;
  const link = dice.pick(network.links);
  link.isSlow = !link.isSlow;
  recorder.note(`${link.id} ${link.isSlow ? "reads no more" : "reads again"}`);
}
