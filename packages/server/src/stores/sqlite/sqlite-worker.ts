/** The thread that owns the database. It answers one batch after the other and holds no policy. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { BatchExecutor } from "./batch-executor.ts";
import type { DatabaseSettings, FromWorker, ToWorker } from "./sqlite-call.ts";
import { type OwnedDatabase, openDatabase } from "./sqlite-database.ts";
import { openFailure, requestFailure } from "./sqlite-fault.ts";

function start(port: MessagePort, settings: DatabaseSettings): void {
  const send = (message: FromWorker) => port.postMessage(message);
  let database: OwnedDatabase;
  let executor: BatchExecutor;
  try {
    database = openDatabase(settings);
    executor = new BatchExecutor(database.db, settings.originTag);
  } catch (error) {
    send({ type: "refused", failure: openFailure(error, settings.path) });
    return;
  }
  port.on("message", (message: ToWorker) => {
    if (message.type === "close") {
      send(closeDatabase(database));
      port.close();
      return;
    }
    const { writes, reads } = message.batch;
    // Two answers, so that what was committed is confirmed before the reads are done.
    if (writes.length > 0) send({ type: "written", answers: executor.runWrites(writes) });
    if (reads.length > 0) send({ type: "read", answers: executor.runReads(reads) });
  });
  send({ type: "ready", hasRenewedEpochs: database.hasRenewedEpochs });
}

function closeDatabase(database: OwnedDatabase): FromWorker {
  try {
    database.close();
    return { type: "closed" };
  } catch (error) {
    return { type: "closed", failure: requestFailure(error) };
  }
}

start(parentPort!, workerData as DatabaseSettings);
