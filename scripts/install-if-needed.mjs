// Makes `npm start` and `npm test` work on a fresh checkout, and cost nothing on every later run. This runs before
// anything is installed, so it is plain JavaScript without dependencies and works on Node 20 too.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withInstallLock } from "./install/install-lock.mjs";
import { isInstalled, writeStamp } from "./install/installed-state.mjs";
import { oldNodeFault } from "./install/node-version.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function say(text) {
  process.stderr.write(`${text}\n`);
}

function npmCommand() {
  // The npm that started us, with the Node that runs it: the pinned Node inside node_modules is about to be replaced.
  const { npm_execpath: npmScript, npm_node_execpath: npmNode } = process.env;
  if (npmScript?.endsWith(".js") && npmNode && existsSync(npmNode) && !npmNode.startsWith(root)) {
    return [npmNode, npmScript];
  }
  return ["npm"];
}

function install() {
  const startedMs = Date.now();
  say("Installing dependencies (needed once, takes about half a minute) ...");
  const [command, ...prefix] = npmCommand();
  // At level `error` npm keeps quiet about engines: it may run on an older Node than the pinned one that it installs.
  const flags = ["--loglevel=error", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  const result = spawnSync(command, [...prefix, "ci", ...flags], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  if (result.error !== undefined) throw new Error(`npm cannot be started: ${result.error.message}`);
  if (result.status !== 0) {
    throw new Error(
      `"npm ci" ended with ${result.signal ?? `exit code ${result.status}`}; its messages are above`,
    );
  }
  writeStamp(root);
  say(`Dependencies installed in ${Math.round((Date.now() - startedMs) / 1000)} s.`);
}

try {
  if (!isInstalled(root)) {
    await withInstallLock(root, say, () => {
      // Whoever held the lock before may have done the work.
      if (!isInstalled(root)) install();
    });
  }
  const fault = oldNodeFault(root, process.versions.node);
  if (fault !== undefined) throw new Error(fault);
} catch (error) {
  say(`Could not prepare the project: ${error.message}`);
  process.exitCode = 1;
}
