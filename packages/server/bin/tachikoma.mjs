#!/usr/bin/env node
import { spawn } from "node:child_process";
// Starts the command line of Tachikoma. Plain old JavaScript, so that a Node that is too old can say so.
import { existsSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const MIN_NODE = [22, 13];
const FORWARDED_SIGNALS = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  ...(process.platform === "win32" ? [] : ["SIGUSR2"]),
];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isNodeNewEnough = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(packageFolder, "src", "cli", "main.ts");
// An installed package runs what was built. In a checkout the sources are right and what was built may be stale.
const isInstalled = packageFolder.split(sep).includes("node_modules");

if (!isNodeNewEnough) {
  fail(`Tachikoma needs Node ${MIN_NODE.join(".")} or newer, and this is Node ${process.versions.node}.`);
} else if (isInstalled || !existsSync(source)) {
  await import(pathToFileURL(join(packageFolder, "dist", "cli", "main.js")).href);
} else {
  runSource();
}

function runSource() {
  // From 22.18 on Node runs TypeScript without being asked.
  const strip = process.features.typescript
    ? []
    : ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"];
  const argv = [...strip, "--conditions=source", source, ...process.argv.slice(2)];
  // Replacing this process leaves nothing between the user and the command: one process id, one set of signals.
  if (typeof process.execve === "function" && process.platform !== "win32") {
    process.execve(process.execPath, [process.execPath, ...argv], process.env);
  }
  const child = spawn(process.execPath, argv, { stdio: "inherit" });
  for (const signal of FORWARDED_SIGNALS) {
    process.on(signal, () => {
      // A terminal gives Ctrl-C to the whole group already.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`Tachikoma cannot be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    for (const name of FORWARDED_SIGNALS) process.removeAllListeners(name);
    if (signal !== null) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

function fail(message) {
  process.stderr.write(`tachikoma: ${message}\n`);
  process.exitCode = 1;
}
