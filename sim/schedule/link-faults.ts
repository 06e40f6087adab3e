/** What goes wrong between clients and nodes. */
import type { World } from "../world.ts";
import type { WeightedStep } from "./step.ts";

export const LINK_FAULTS: readonly WeightedStep[] = [
  { weight: 6, take: cut },
  { weight: 2, take: blackHole },
  { weight: 4, take: toggleSlow },
  { weight: 4, take: revokeOrGrant, isPossible: ({ plan }) => plan.mayRevoke },
];

function cut({ dice, network, recorder }: World): void {
  network.sweep();
  if (network.links.length === 0) return;
  const link = dice.pick(network.links);
  const isServerTold = dice.chance(0.7);
  recorder.note(`cut ${link.id} ${isServerTold}`);
  link.cut(isServerTold);
}

/** A client that is there keeps what it has until it comes back: so it is sent away first. */
function revokeOrGrant({ dice, network, actors, channels, permissions, recorder }: World): void {
  const { name } = dice.pick(actors);
  const channel = dice.pick(channels);
  const isRevoked = permissions.isRevoked(name, channel);
  const record = { session: name, stream: `default/${channel}` };
  recorder.write({ kind: isRevoked ? "grant" : "revoke", ...record });
  if (isRevoked) return permissions.grant(name, channel);
  permissions.revoke(name, channel);
  for (const link of network.links) if (link.clientName === name) link.cut(true);
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
