#!/usr/bin/env node
import { spawn } from "node:child_process";
// Starts the conformance suite. Plain old JavaScript, so that a Node that is too old can say so.
import { existsSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const MIN_NODE = [22, 13];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isNodeNewEnough = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(packageFolder, "src", "cli", "run-main.ts");
// An installed package runs what was built. In a checkout the sources are right and what was built may be stale.
const isInstalled = packageFolder.split(sep).includes("node_modules");

if (!isNodeNewEnough) {
  fail(`The suite needs Node ${MIN_NODE.join(".")} or newer, and this is Node ${process.versions.node}.`);
} else if (isInstalled || !existsSync(source)) {
  await import(pathToFileURL(join(packageFolder, "dist", "cli", "run-main.js")).href);
} else {
  runSource();
}

function runSource() {
  // From 22.18 on Node runs TypeScript without being asked.
  const strip = process.features.typescript
    ? []
    : ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"];
  const argv = [...strip, "--conditions=source", source, ...process.argv.slice(2)];
  if (typeof process.execve === "function" && process.platform !== "win32") {
    process.execve(process.execPath, [process.execPath, ...argv], process.env);
  }
  const child = spawn(process.execPath, argv, { stdio: "inherit" });
  child.on("error", (error) => fail(`The suite cannot be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal !== null) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

function fail(message) {
  process.stderr.write(`tachikoma-conformance: ${message}\n`);
  process.exitCode = 2;
}
