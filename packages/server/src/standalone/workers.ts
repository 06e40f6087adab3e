/** A server of several processes on one machine. */
import { availableParallelism } from "node:os";
import type { Settings } from "../config/settings.ts";
import { WorkerGroup, type WorkerGroupOptions } from "../workers/worker-group.ts";

/** How many processes the settings ask for. */
export function workerCountOf({ server }: Settings): number {
  return server.workers === "auto" ? availableParallelism() : server.workers;
}

export interface RunningWorkers {
  readonly address: { readonly url: string };
  /** Rejects when a process keeps on dying. */
  readonly failed: Promise<never>;
  /** Replaces one worker after the other. */
  replaceAll(): Promise<void>;
  /** Stops within the drain timeout of the settings. */
  stop(): Promise<void>;
}

/** @throws CONFIG_INVALID, STORE_UNAVAILABLE, or what the operating system says of the address */
export async function startWorkers(options: WorkerGroupOptions): Promise<RunningWorkers> {
  const group = new WorkerGroup(options);
  const url = await group.start();
  return {
    address: { url },
    failed: group.failed,
    replaceAll: () => group.replaceAll(),
    stop: () => group.stop(),
  };
}
