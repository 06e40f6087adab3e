import type { Observer } from "../core/observer.ts";
import type { ServerMetrics } from "./server-metrics.ts";

/** Turns what the core reports into numbers. */
export function createMetricsObserver(metrics: ServerMetrics): Observer {
  return {
    recordAppended: (type, count) => metrics.recordsAppended.child(type).increment(count),
    appendDone: (durationMs) => metrics.appendSeconds.observe(durationMs / 1_000),
    storeFailed: () => metrics.storeErrors.increment(),
    pagesWritten(recordCount, frameCount, byteCount) {
      metrics.recordsDelivered.increment(recordCount);
      metrics.framesSent.increment(frameCount);
      metrics.bytesSent.increment(byteCount);
      metrics.deliveriesMerged.increment(recordCount - frameCount);
    },
    flushPlanned: (windowMs) => metrics.flushWindowSeconds.set(windowMs / 1_000),
    resetSent: (reason) => metrics.resets.child(reason).increment(),
    messageReceived: (type) => metrics.messagesReceived.child(type).increment(),
    errorSent: (code) => metrics.errorsSent.child(code).increment(),
    sessionOpened(outcome) {
      if (outcome !== "new") metrics.sessionsResumed.child(outcome).increment();
    },
    connectionOpened: () => metrics.connectionsOpened.increment(),
    connectionClosed() {},
    executionStarted() {},
    executionEnded: (_, outcome) => metrics.executionsEnded.child(outcome).increment(),
    wakeUpArrived: (lagMs) => metrics.wakeUpLagSeconds.observe(lagMs / 1_000),
    headRepaired: (count) => metrics.headRepairs.increment(count),
    fenceHit: () => metrics.fencesHit.increment(),
    leaseTakenOver: (outcome) => metrics.leasesTakenOver.child(outcome).increment(),
    hintsLost: () => metrics.hintsLost.increment(),
    commandForwarded: (kind) => metrics.commandsForwarded.child(kind).increment(),
    sessionTaken: () => metrics.sessionsTaken.increment(),
    storeReconnected: () => metrics.storeReconnects.increment(),
  };
}
