import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const PRELOAD = fileURLToPath(new URL("stop-with-parent.mjs", import.meta.url));
const SERVER = `
  process.on("SIGTERM", () => { console.log("stops"); process.exit(); });
  setInterval(() => {}, 1_000);
  console.log("runs");`;

// The shell is what npm kills; the command after the semicolon keeps it from becoming the server.
test("a server whose shell is killed stops in an orderly way", { timeout: 10_000 }, async () => {
  const script = `"$0" --import="file://$1?parent=$$" -e "$2"; true`;
  const shell = spawn("sh", ["-c", script, process.execPath, PRELOAD, SERVER], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const output = createInterface(shell.stdout);
  output.on("line", (line) => lines.push(line));
  await once(output, "line");
  shell.kill("SIGTERM");
  await once(output, "close");
  expect(lines).toEqual(["runs", "stops"]);
});
