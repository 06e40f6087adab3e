/** Writes a database anew, without the space that records have left. Nobody may use it meanwhile. */
import { Worker } from "node:worker_threads";
import type { CompactionResult, CompactionSettings, FromCompaction } from "./compaction-call.ts";
import { errorOf } from "./failure-error.ts";
import { inheritedFlags, workerFile } from "./worker-file.ts";

export interface CompactionOptions {
  readonly path: string;
  /** How long to wait for another process to let go of the database, in milliseconds. @default 500 */
  readonly lockTimeoutMs?: number;
  /** Called a few times a second, with how long it has taken so far. */
  readonly onProgress?: (elapsedMs: number) => void;
}

const PROGRESS_INTERVAL_MS = 250;

/**
 * Compacts a database of any schema version. A file of an older server can shrink by itself from then on. If it is
 * interrupted, the file is as it was.
 *
 * @throws CONFIG_INVALID where there is no database of ours or it cannot be written; STORE_UNAVAILABLE where a server has it,
 *   it is damaged, or there is no room for a second copy of what it holds
 */
export async function compactDatabase(options: CompactionOptions): Promise<CompactionResult> {
  const settings: CompactionSettings = { path: options.path, lockTimeoutMs: options.lockTimeoutMs ?? 500 };
  const { promise, resolve, reject } = Promise.withResolvers<CompactionResult>();
  const startedAtMs = performance.now();
  // In a thread, because SQLite says nothing until it is done.
  const worker = new Worker(workerFile("compaction-worker"), { workerData: settings, ...inheritedFlags() });
  worker.on("message", (message: FromCompaction) => {
    if (message.type === "compacted") resolve(message.result);
    else reject(errorOf(message.failure));
  });
  worker.on("error", reject);
  worker.on("exit", (exitCode) => reject(new Error(`The thread ended with code ${exitCode}`)));
  const timer = setInterval(
    () => options.onProgress?.(performance.now() - startedAtMs),
    PROGRESS_INTERVAL_MS,
  );
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
