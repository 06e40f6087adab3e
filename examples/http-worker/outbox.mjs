// One message at a time, kept in a file before it is sent. After a crash the kept one is sent again under the same number: whether the
// server had it already is for the server to know.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/** Sends the results of all numbers up to `count`, and first again the one that `file` holds. */
export async function sendAll({ file, count, work, send }) {
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  if (kept !== undefined) {
    process.stdout.write(`${kept.number} once more\n`);
    await untilTaken(kept, send);
  }
  for (let number = (kept?.number ?? 0) + 1; number <= count; number += 1) {
    const message = { number, data: await work(number) };
    keep(file, message);
    await untilTaken(message, send);
    process.stdout.write(`${number}\n`);
  }
}

/** Whole or not at all: what is read after a crash is this message or the one before. */
function keep(file, message) {
  writeFileSync(`${file}.new`, JSON.stringify(message), { flush: true });
  renameSync(`${file}.new`, file);
}

async function untilTaken(message, send) {
  for (let pauseMs = FIRST_PAUSE_MS; !(await isTaken(message, send)); pauseMs *= 2) {
    await sleep(Math.min(pauseMs, MAX_PAUSE_MS));
  }
}

/** False where it is not known, or is not so yet: no answer, an overloaded server, one that starts. */
async function isTaken(message, send) {
  try {
    const response = await send(message);
    const text = await response.text();
    if (response.ok) return true;
    if (response.status < 500 && response.status !== 429) throw new Refusal(`${response.status} ${text}`);
    process.stderr.write(`${message.number}: ${response.status}, again\n`);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    process.stderr.write(`${message.number}: ${error.message}, again\n`);
  }
  return false;
}

/** Sending it again would change nothing. */
class Refusal extends Error {}
