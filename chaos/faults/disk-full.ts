import { spawnSync } from "node:child_process";
import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { SQLITE } from "./stores.ts";

/** Mounts a small file system over the folder of the database, for this process and its children only. */
const IN_SMALL_FOLDER = `mount -t tmpfs -o size=8m tmpfs data && exec "$@"`;
const WRAPPER = ["unshare", "--mount", "sh", "-c", IN_SMALL_FOLDER, "sh"] as const;

export const diskFull: FaultClass = {
  name: "disk-full",
  title: "Disk full under the database of a node",
  injection: "a tmpfs of 8 MiB in a mount namespace of its own, filled to the last byte and freed again",
  holds: ["C1", "C2", "C3", "C4"],
  releaseRoundCount: 100,
  roundsPerTrial: 5,
  cluster: () => ({ ...SQLITE, wrapper: WRAPPER }),
  obstacle: () => {
    const tried = spawnSync("unshare", ["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]);
    return tried.status === 0 ? undefined : "mount namespaces are not allowed here";
  },
  async round({ cluster }, dice) {
    const node = cluster.nodes[0]!;
    await node.tell({ kind: "disk", isFull: true });
    await lasting(dice.between(50, 500));
    await node.tell({ kind: "disk", isFull: false });
  },
};
