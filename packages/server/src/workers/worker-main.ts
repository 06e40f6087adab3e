/** A worker: an ordinary server, on a port that it shares and a store that it shares. */
import { systemClock } from "../platform/system-clock.ts";
import { childLogger, type RunningChild, runChild, tellParent } from "./child-program.ts";
import { mergedExposition } from "./merged-exposition.ts";
import { MetricsGatherer } from "./metrics-gatherer.ts";
import type { StartWorker } from "./process-message.ts";

async function start(message: StartWorker): Promise<RunningChild> {
  const { settings, worker, storePath } = message;
  const logger = childLogger(message, { worker });
  const gatherer = new MetricsGatherer({
    worker: String(worker),
    clock: systemClock,
    ask: (id) => tellParent({ type: "gather-metrics", id }),
  });
  // Loaded here, so that the process listens to its parent from early on.
  const { startStandalone } = await import("../standalone.ts");
  const { openRemoteStore } = await import("../stores/remote/remote-store.ts");
  const server = await startStandalone({
    settings,
    logger,
    ...(storePath === undefined
      ? {}
      : { store: (ports) => openRemoteStore({ path: storePath, clock: systemClock, ...ports }) }),
    exposeMetrics: async (own) => mergedExposition(await gatherer.gather(own)),
  });

  let isStopping = false;
  const stop = async (newcomers: "refused" | "elsewhere") => {
    if (isStopping) return;
    isStopping = true;
    await server.stop({ newcomers });
    logger.info({}, "Worker has stopped");
    process.exit(0);
  };
  logger.info({ pid: process.pid }, "Worker is serving");
  tellParent({ type: "serving", url: server.address.url });
  return {
    hear: (instruction) => {
      switch (instruction.type) {
        case "stop":
          return void stop("refused");
        case "leave":
          return void stop("elsewhere");
        case "tell-metrics":
          return tellParent({ type: "told-metrics", id: instruction.id, text: server.metrics() });
        case "metrics":
          return gatherer.gathered(instruction.id, instruction.parts);
      }
    },
    asked: () => {
      if (!isStopping) tellParent({ type: "leaving" });
      void stop("elsewhere");
    },
  };
}

runChild(start);
