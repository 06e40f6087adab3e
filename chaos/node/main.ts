/** One node of a cluster under test: the server of this repository with handlers whose every word can be accounted for. */

import { flushCompileCache } from "node:module";
import { createInterface } from "node:readline";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createLogger, createServer, type ServerOptions } from "@tachikoma/server";
import { systemClock } from "../../packages/server/src/platform/system-clock.ts";
import { createModel, type ModelInput } from "../../sim/actors/model.ts";
import { openJournal } from "./journal.ts";
import { mutantStore } from "./mutant-store.ts";
import type { NodeConfig, NodeOrder } from "./node-config.ts";
import { ownedOutput } from "./owned-output.ts";
import { Permissions } from "./permissions.ts";

const MEMORY_INTERVAL_MS = 250;
const realNow = Date.now.bind(Date);

const config = JSON.parse(process.argv[2]!) as NodeConfig;
const journal = openJournal(config.journalPath);
const permissions = new Permissions();

const { settings, life, databaseUrl, database, mutant } = config;
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
    model: ownedOutput<ModelInput>(createModel(systemClock, journal), life, journal),
  },
  logger: createLogger({ level: "info" }),
  ...(mutant === undefined ? {} : { store: await mutantStore(mutant, databaseUrl) }),
};
const server = createServer(options);
const { port } = await server.listen({ port: 0 });
sampleMemory();
// Written only at the end of a process otherwise, and many of these are killed.
flushCompileCache();
process.stdout.write(`listening on ${port}\n`);

createInterface(process.stdin).on("line", (line) => obey(JSON.parse(line) as NodeOrder));
// The harness holds the other end: without it, nobody is left to stop this process.
process.stdin.on("end", () => process.exit(1));
process.once("SIGTERM", async () => {
  await server.close();
  process.exit(0);
});

function obey(order: NodeOrder): void {
  switch (order.kind) {
    case "stall":
      return stall(order.ms);
    case "clock":
      return setClockOff(order.offsetMs);
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
  const { rss, heapUsed } = process.memoryUsage();
  journal.write({ kind: "mem", process: life, rssBytes: rss, heapBytes: heapUsed, moment });
  if (moment === "load") setTimeout(sampleMemory, MEMORY_INTERVAL_MS).unref();
}
