/** The thread that owns the database. It answers one batch after the other and holds no policy. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { BatchExecutor } from "./batch-executor.ts";
import { Quarantine } from "./quarantine.ts";
import type { Batch, DatabaseSettings, FromWorker, ToWorker } from "./sqlite-call.ts";
import { BUSY_TIMEOUT_MS, type OwnedDatabase, openDatabase } from "./sqlite-database.ts";
import { openFailure, requestFailure } from "./sqlite-fault.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

type Send = (message: FromWorker) => void;

function start(port: MessagePort, settings: DatabaseSettings): void {
  const send: Send = (message) => port.postMessage(message);
  let database: OwnedDatabase | undefined;
  try {
    database = openDatabase(settings);
    serve(port, send, database, settings);
  } catch (error) {
    database?.close();
    send({ type: "refused", failure: openFailure(error, settings.path) });
  }
}

function serve(port: MessagePort, send: Send, database: OwnedDatabase, settings: DatabaseSettings): void {
  const { db, path, hasRenewedEpochs, upgradedFrom } = database;
  const quarantine = new Quarantine((place, reason) =>
    send({ type: "notice", notice: { kind: "damaged", place, reason } }),
  );
  const executor = new BatchExecutor(database, settings.originTag, quarantine);
  const writeAheadLog = new WriteAheadLog(db, {
    path,
    busyTimeoutMs: BUSY_TIMEOUT_MS,
    onPinned: (byteCount) => send({ type: "notice", notice: { kind: "pinned", byteCount } }),
  });
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
    if (isHousekeeping(message.batch)) writeAheadLog.tend();
  });
  send({ type: "ready", hasRenewedEpochs, upgradedFrom });
}

/** Sweeps come every few seconds, also to an idle server: often enough to look after the files. */
function isHousekeeping({ writes }: Batch): boolean {
  return writes.some(({ name }) => name === "sweep");
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
