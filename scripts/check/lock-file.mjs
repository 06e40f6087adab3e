import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What `npm ci` would refuse: npm sometimes drops the packages of other platforms when it rewrites the lock file, and that
 * shows only on the next machine.
 */
export function checkLockFile(root) {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return [
    ...missingPackages(lock.packages),
    ...driftedManifests(root, lock.packages),
    ...foreignAddresses(lock.packages),
  ];
}

function missingPackages(packages) {
  return Object.entries(packages).flatMap(([path, entry]) => {
    const wanted = { ...entry.dependencies, ...entry.optionalDependencies };
    return Object.keys(wanted)
      .filter((name) => !isReachable(packages, path, name))
      .map((name) => `package-lock.json has no ${name}, which ${path || "the root"} needs`);
  });
}

/** Looks where Node would: in the package's own node_modules, then outwards. */
function isReachable(packages, path, name) {
  const parts = path === "" ? [] : path.split("/");
  for (let length = parts.length; length >= 0; length -= 1) {
    const folder = parts.slice(0, length).join("/");
    if (folder.endsWith("node_modules")) continue;
    if (packages[`${folder === "" ? "" : `${folder}/`}node_modules/${name}`] !== undefined) return true;
  }
  return false;
}

function driftedManifests(root, packages) {
  const folders = Object.keys(packages).filter((path) => !path.includes("node_modules"));
  return folders.flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    return ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"].flatMap((kind) => {
      const [inManifest, inLock] = [sortedText(manifest[kind]), sortedText(packages[folder][kind])];
      const name = join(folder, "package.json");
      return inManifest === inLock
        ? []
        : [`${kind} of ${name} differ from package-lock.json: run npm install`];
    });
  });
}

function sortedText(dependencies = {}) {
  return JSON.stringify(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Addresses of one registry would make the lock file useless behind any other. */
function foreignAddresses(packages) {
  return Object.entries(packages)
    .filter(([, entry]) => /^https?:/.test(entry.resolved ?? ""))
    .map(([path]) => `package-lock.json names a registry for ${path}`);
}
