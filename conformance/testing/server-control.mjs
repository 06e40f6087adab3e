// Hooks of a profile, as programs: `server-control.mjs start|stop|kill FOLDER PORT`. What runs is known by a file in the folder.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const [action, folder, port] = process.argv.slice(2);
const pidPath = join(folder, "pid");
const fixture = fileURLToPath(new URL("../fixture/", import.meta.url));

/** The one that was stopped still has the port and the database. */
async function untilGone(pid) {
  for (let tryCount = 0; tryCount < 500; tryCount += 1) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await pause(20);
  }
}

if (action === "start") {
  if (existsSync(pidPath)) await untilGone(Number(readFileSync(pidPath, "utf8")));
  const argv = ["--conditions=source", "application.mjs", port, `sqlite://${join(folder, "hooks.db")}`];
  const child = spawn(process.execPath, argv, { cwd: fixture, detached: true, stdio: "ignore" });
  child.unref();
  writeFileSync(pidPath, String(child.pid));
} else {
  process.kill(Number(readFileSync(pidPath, "utf8")), action === "kill" ? "SIGKILL" : "SIGTERM");
}
