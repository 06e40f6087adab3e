// `npm start`: builds the web console when it is out of date, then becomes the server. Arguments after `--` go to
// `tachikoma serve`, so `npm start -- --port 4000` does what it looks like.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { oldNodeFault } from "./install/node-version.mjs";
import { buildConsoleIfStale } from "./start/console-build.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const FORWARDED_SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT"];

function say(text) {
  process.stderr.write(`${text}\n`);
}

function serve(serveArguments) {
  const main = join(root, "packages", "server", "src", "cli", "main.ts");
  const argv = ["--conditions=source", main, "serve", ...serveArguments];
  // Replacing this process keeps its id, its terminal and its signals: nothing stands between the user and the server.
  if (typeof process.execve === "function" && process.platform !== "win32") {
    process.execve(process.execPath, [process.execPath, ...watchingParent(), ...argv], process.env);
  }
  const child = spawn(process.execPath, argv, { stdio: "inherit" });
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => forward(child, signal));
  child.on("error", (error) => fail(`The server cannot be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    for (const name of FORWARDED_SIGNALS) process.removeAllListeners(name);
    if (signal !== null) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

/** Only under npm: whoever runs this script directly, perhaps to leave it running, knows its process. */
function watchingParent() {
  if (process.env.npm_lifecycle_event !== "start") return [];
  return [`--import=${new URL(`./start/stop-with-parent.mjs?parent=${process.ppid}`, import.meta.url)}`];
}

function forward(child, signal) {
  // A terminal gives Ctrl-C to the whole group: forwarding it would be a second one, which means "at once".
  if (signal === "SIGINT" && process.stdin.isTTY) return;
  child.kill(signal);
}

function fail(text) {
  say(text);
  process.exitCode = 1;
}

const fault = oldNodeFault(root, process.versions.node);
if (fault !== undefined) {
  fail(fault);
} else {
  try {
    buildConsoleIfStale(root, say);
    serve(process.argv.slice(2));
  } catch (error) {
    fail(error.message);
  }
}
