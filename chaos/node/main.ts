/** One node of a cluster under test: the server of this repository with handlers whose every word can be accounted for. */

import { flushCompileCache } from "node:module";
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createLogger, createServer, openAiCompatible, type ServerOptions } from "@tachikoma/server";
import { systemClock } from "../../packages/server/src/platform/system-clock.ts";
import { createModel, type ModelInput } from "../../sim/actors/model.ts";
import { fillDisk, freeDisk } from "./disk-filler.ts";
import { openJournal } from "./journal.ts";
import { mutantStore } from "./mutant-store.ts";
import type { NodeConfig, NodeOrder, NumberedOrder } from "./node-config.ts";
import { ownedOutput } from "./owned-output.ts";
import { credentialOf, Permissions } from "./permissions.ts";

const MEMORY_INTERVAL_MS = 250;
const UPSTREAM_LIMITS = { firstByteTimeoutMs: 400, idleTimeoutMs: 400 };
const realNow = Date.now.bind(Date);

const config = JSON.parse(process.argv[2]!) as NodeConfig;
const journal = openJournal(config.journalPath);
const permissions = new Permissions();
const upstream = { url: "http://127.0.0.1:1" };

const { settings, life, databaseUrl, database, areTokensNeeded, mutant, onOwnerLost = "interrupt" } = config;
const options: ServerOptions = {
  ...settings,
  database: { url: databaseUrl, ...database },
  channels: Object.fromEntries(
    Object.entries({ chat: {}, small: {}, ...settings.channels }).map(([name, channel]) => [
      name,
      {
        ...channel,
        canSubscribe: ({ identity, channel }) => permissions.mayRead(identity.clientId, channel),
      },
    ]),
  ),
  executions: {
    model: { run: ownedOutput<ModelInput>(createModel(systemClock, journal), life, journal), onOwnerLost },
    upstream: (context) =>
      openAiCompatible({ baseUrl: upstream.url, model: "mock", limits: UPSTREAM_LIMITS })(context),
  },
  ...(areTokensNeeded === true ? { auth: ({ token }) => credentialOf(token) } : {}),
  logger: createLogger({ level: "info" }),
  ...(mutant === undefined ? {} : { store: await mutantStore(mutant, databaseUrl) }),
};
const server = createServer(options);
const { port } = await server.listen({ port: 0 }).catch(endWithoutStart);
sampleMemory();
// Written only at the end of a process otherwise, and many of these are killed.
flushCompileCache();
process.stdout.write(`listening on ${port}\n`);

createInterface(process.stdin).on("line", (line) => {
  const order = JSON.parse(line) as NumberedOrder;
  obey(order);
  process.stdout.write(`obeyed ${order.number}\n`);
});
// The harness holds the other end: without it, nobody is left to stop this process.
process.stdin.on("end", () => process.exit(1));
process.once("SIGTERM", async () => {
  await server.close();
  process.exit(0);
});

function obey(order: NodeOrder): unknown {
  switch (order.kind) {
    case "stall":
      return stall(order.ms);
    case "clock":
      return setClockOff(order.offsetMs);
    case "disk":
      return order.isFull ? fillDisk() : freeDisk();
    case "upstream":
      upstream.url = order.url;
      return;
    case "settle-memory":
      setFlagsFromString("--expose-gc");
      (runInNewContext("gc") as () => void)();
      return sampleMemory(order.moment);
    case "permission":
      return permissions.set(order.clientId, order.channel, order.isAllowed);
  }
}

function stall(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

function setClockOff(offsetMs: number): void {
  globalThis.Date.now = () => realNow() + offsetMs;
}

function sampleMemory(moment: "baseline" | "load" | "settled" = "load"): void {
  const usage = memoryUsage();
  if (usage !== undefined)
    journal.write({ kind: "mem", process: life, rssBytes: usage.rss, heapBytes: usage.heapUsed, moment });
  if (moment === "load") setTimeout(sampleMemory, MEMORY_INTERVAL_MS).unref();
}

/** It needs a file descriptor, and there may be none left. */
function memoryUsage(): NodeJS.MemoryUsage | undefined {
  try {
    return process.memoryUsage();
  } catch {
    return undefined;
  }
}

/** The store cannot be reached, or is not fit: whoever watches over the process tries again. */
function endWithoutStart(cause: unknown): never {
  process.stdout.write(`not started: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exit(1);
}
