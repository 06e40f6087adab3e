// Two commands started at once must not both replace node_modules. The lock is a directory, because making one is atomic
// everywhere; its holder touches it, so that one whose holder was killed is recognised and taken over.
import { mkdirSync, rmdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";

const MAX_WAIT_MS = 10 * 60_000;
const STALE_MS = 30_000;
const TOUCH_INTERVAL_MS = 5_000;
const POLL_INTERVAL_MS = 250;

/** Runs `task` while no other process does; waits for a bounded time. */
export async function withInstallLock(root, say, task, options = {}) {
  const path = join(root, ".tachikoma-install-lock");
  await acquire(path, say, options.maxWaitMs ?? MAX_WAIT_MS, options.staleMs ?? STALE_MS);
  const toucher = startToucher(path);
  try {
    return await task();
  } finally {
    await toucher.terminate();
    removeDirectory(path);
  }
}

async function acquire(path, say, maxWaitMs, staleMs) {
  const deadlineMs = Date.now() + maxWaitMs;
  let hasSaid = false;
  while (!tryMakeDirectory(path)) {
    const ageMs = ageOf(path);
    if (ageMs !== undefined && ageMs > staleMs) {
      removeDirectory(path);
      continue;
    }
    if (Date.now() >= deadlineMs) {
      throw new Error(
        `another install is still running after ${maxWaitMs} ms; if there is none, remove ${path}`,
      );
    }
    if (!hasSaid) say("Another command is installing dependencies: waiting for it ...");
    hasSaid = true;
    await sleep(POLL_INTERVAL_MS);
  }
}

/** The task blocks this thread while npm runs, so another one does the touching. */
function startToucher(path) {
  const source = `
    const { utimesSync } = require("node:fs");
    setInterval(() => {
      try { utimesSync(${JSON.stringify(path)}, new Date(), new Date()); } catch {}
    }, ${TOUCH_INTERVAL_MS});`;
  const worker = new Worker(source, { eval: true });
  worker.unref();
  return worker;
}

function tryMakeDirectory(path) {
  try {
    mkdirSync(path);
    // Some file systems give a new directory a time of their own clock.
    utimesSync(path, new Date(), new Date());
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw new Error(`the project folder is not writable (${error.code})`);
  }
}

function ageOf(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
}

function removeDirectory(path) {
  try {
    rmdirSync(path);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}
