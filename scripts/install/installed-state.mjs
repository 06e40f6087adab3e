import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const STAMP_NAME = ".tachikoma-lock-hash";

/** True when `node_modules` holds what `package-lock.json` asks for. */
export function isInstalled(root) {
  const stamp = readIfThere(join(root, "node_modules", STAMP_NAME));
  if (stamp?.trim() === lockHash(root)) return true;
  if (!isInstalledByHand(root)) return false;
  writeStamp(root);
  return true;
}

/** Remembers that the current lock file is installed. */
export function writeStamp(root) {
  const path = join(root, "node_modules", STAMP_NAME);
  const temporaryPath = `${path}.${process.pid}`;
  writeFileSync(temporaryPath, `${lockHash(root)}\n`);
  renameSync(temporaryPath, path);
}

function lockHash(root) {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

/** Someone ran npm without us: npm's own record of what it installed agrees with the lock file. */
function isInstalledByHand(root) {
  const installedText = readIfThere(join(root, "node_modules", ".package-lock.json"));
  if (installedText === undefined) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(installedText).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.startsWith("node_modules/")) continue;
    const there = installed[path];
    if (there === undefined) {
      // Optional packages for other platforms are in the lock file and nowhere else.
      if (entry.optional || entry.devOptional) continue;
      return false;
    }
    if (there.version !== entry.version || there.integrity !== entry.integrity) return false;
    if (!existsSync(join(root, path))) return false;
  }
  return true;
}

function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
