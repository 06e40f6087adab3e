import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * The first Node that runs TypeScript sources without a flag. The built packages need less (see `engines`): for them
 * 22.13 is enough, which brought `node:sqlite`.
 */
const MIN_NODE = [22, 18];

export function isNodeNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
}

/** What is wrong with the Node that the project will run on; `undefined` when nothing is. */
export function oldNodeFault(root, version) {
  // npm puts node_modules/.bin first in the path, so the pinned Node wins wherever there is one for this platform.
  if (existsSync(join(root, "node_modules", ".bin", "node"))) return undefined;
  if (isNodeNewEnough(version)) return undefined;
  return `Tachikoma needs Node ${MIN_NODE.join(".")} or newer, and this is Node ${version}. Please install a newer Node.`;
}
