/** Clients with a fault. */
import { parsePosition } from "@tachikoma/protocol";
import type { Mutant } from "./mutant.ts";

/** Drops what has a number that it has seen, whichever log the number is of. */
function bySeqAlone(): (text: string) => string | undefined {
  const highest = new Map<string, { readonly epoch: string; readonly seq: number }>();
  return (text) => {
    if (!/^\{"type":"(message|chunk|execution_)/.test(text)) return text;
    const { channel, position } = JSON.parse(text) as { channel: string; position: string };
    const at = parsePosition(position);
    const known = highest.get(channel);
    if (at === undefined) return text;
    if (known === undefined || at.seq > known.seq) highest.set(channel, at);
    return known !== undefined && known.epoch !== at.epoch && at.seq <= known.seq ? undefined : text;
  };
}

export const CLIENT_MUTANTS: Readonly<Record<string, Mutant>> = {
  "comes back after a fixed time": {
    variant: { wrapRandom: (random) => ({ ...random, fraction: () => 0.999 }) },
  },
  "takes a number that it has seen for a record that it has": {
    variant: { makeFilter: bySeqAlone },
    plan: { nodeCount: 2, isStoreShared: true, mayLoseTail: true, faultShare: 0.3 },
  },
};
