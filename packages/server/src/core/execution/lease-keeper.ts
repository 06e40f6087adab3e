/**
 * Keeps the leases of running executions, and ends those that others have let go.
 *
 * A lease says who may write an execution's records. Its owner renews it at a third of its life; who cannot confirm a renewal for
 * two thirds of it, by its own monotonic clock, stops writing before anyone else may start.
 */

import type { Lease, NewRecord, Store } from "../../stores/store.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import { type Execution, endKey, startKey } from "./execution.ts";
import { terminalRecord } from "./execution-end.ts";

const LEASE_PREFIX = "execution:";

/** Leases that one look takes care of. */
const MAX_RECOVERED_AT_ONCE = 256;

/** Pauses between tries to end an execution whose lease the store has lost. */
const LOST_RETRY_MS = [200, 1_000, 3_000, 5_000, 5_000, 5_000] as const;

/** What the next owner needs in order to end the execution. */
export interface LeaseBody {
  readonly tenant: string;
  readonly channel: string;
  readonly executionId: string;
  readonly started: NewRecord;
}

interface Kept {
  /** Monotonic time at which the last renewal that succeeded was asked for. */
  confirmedAtMs: number;
  isRenewing: boolean;
}

export interface LeaseKeeperOptions {
  readonly store: Store;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly nodeId: string;
  readonly leaseTtlMs: number;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #kept = new Map<Execution, Kept>();
  #isRecovering = false;
  #timer: Timer | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Channel of an execution that someone runs, here or on another node. */
  async channelOf(tenant: string, executionId: string): Promise<string | undefined> {
    const lease = await this.#options.store.findLease(leaseName(tenant, executionId));
    return lease === undefined ? undefined : (JSON.parse(lease.body) as LeaseBody).channel;
  }

  /** `undefined` when someone else runs the execution. */
  acquire(body: LeaseBody): Promise<Lease | undefined> {
    const { store, nodeId, leaseTtlMs, clock } = this.#options;
    const name = leaseName(body.tenant, body.executionId);
    return store.acquireLease(name, nodeId, leaseTtlMs, clock.nowMs(), JSON.stringify(body));
  }

  keep(execution: Execution): void {
    this.#kept.set(execution, { confirmedAtMs: this.#options.clock.monotonicMs(), isRenewing: false });
  }

  /** Gives the lease up, unless the end of the execution is not stored: then it has to be found by whoever ends it. */
  async drop(execution: Execution, isEndStored: boolean): Promise<void> {
    this.#kept.delete(execution);
    if (isEndStored) await this.#options.store.releaseLease(execution.fence.lease, execution.fence.token);
  }

  start(): void {
    const { clock, leaseTtlMs } = this.#options;
    this.#timer = clock.setTimer(leaseTtlMs / 3, () => {
      // The next look does not wait for this one: a store that hangs must not keep an owner from fencing itself.
      this.start();
      for (const [execution, kept] of this.#kept) this.#lookAfter(execution, kept);
      this.#recoverOnce();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /**
   * Ends executions whose owner let the lease expire.
   *
   * @param expiredAtMs leases that end before this have no owner: the time now, or later where no other owner can exist
   * @returns how many were ended
   */
  async recover(expiredAtMs: number): Promise<number> {
    const { store } = this.#options;
    let recoveredCount = 0;
    for (;;) {
      const leases = await store.expiredLeases(LEASE_PREFIX, expiredAtMs, MAX_RECOVERED_AT_ONCE);
      const orphans = leases.filter((lease) => !this.#isKeptHere(lease));
      for (const lease of orphans) await this.#endOrphan(lease);
      recoveredCount += orphans.length;
      if (leases.length < MAX_RECOVERED_AT_ONCE || orphans.length === 0) return recoveredCount;
    }
  }

  /**
   * Ends an execution that was fenced off although nobody took it over: the store has lost its lease, so that nobody else would
   * find it. Does nothing while anyone holds the lease.
   */
  async endLost(execution: Execution, body: LeaseBody): Promise<void> {
    for (const retryMs of LOST_RETRY_MS) {
      try {
        const lease = await this.acquire(body);
        if (lease !== undefined) await this.endOwned(lease);
        return;
      } catch (cause) {
        this.#options.logger.warn({ err: cause, executionId: execution.id }, "Lost execution not ended yet");
        await new Promise<void>((resolve) => this.#options.clock.setTimer(retryMs, resolve));
      }
    }
  }

  /** Writes the end of an execution whose lease is held here and which nobody runs, unless it has one, and gives the lease up. True when it was written now. */
  async endOwned(lease: Lease): Promise<boolean> {
    const { store, hub, logger } = this.#options;
    const body = JSON.parse(lease.body) as LeaseBody;
    const key = { tenant: body.tenant, channel: body.channel };
    const fence = { lease: lease.name, token: lease.token };
    const { executionId } = body;
    // The owner may have died between taking the lease and writing the start: an end without a start helps nobody.
    await hub.append(key, [body.started], { fence, idempotencyKey: startKey(executionId) });
    const end = terminalRecord(executionId, { kind: "interrupted", reason: "owner_lost" }, {});
    const ended = await hub.append(key, [end], { fence, idempotencyKey: endKey(executionId) });
    await store.releaseLease(lease.name, lease.token);
    if (!ended.isDuplicate)
      logger.info({ executionId, channel: body.channel }, "Ended an execution whose owner is gone");
    return !ended.isDuplicate;
  }

  async #endOrphan(orphan: Lease): Promise<void> {
    const { store, clock, nodeId, leaseTtlMs } = this.#options;
    const nowMs = Math.max(clock.nowMs(), orphan.expiresAtMs);
    const lease = await store.acquireLease(orphan.name, nodeId, leaseTtlMs, nowMs, orphan.body);
    if (lease === undefined) return;
    const hasEndedNow = await this.endOwned(lease);
    this.#options.observer.leaseTakenOver(hasEndedNow ? "interrupted" : "ended");
  }

  #lookAfter(execution: Execution, kept: Kept): void {
    if (!kept.isRenewing) {
      kept.isRenewing = true;
      this.#renew(execution, kept).finally(() => {
        kept.isRenewing = false;
      });
    } else if (this.#isOverdue(kept)) execution.fenceOff();
  }

  async #renew(execution: Execution, kept: Kept): Promise<void> {
    const { store, clock, leaseTtlMs, logger } = this.#options;
    const { lease, token } = execution.fence;
    const askedAtMs = clock.monotonicMs();
    try {
      if (await store.renewLease(lease, token, leaseTtlMs, clock.nowMs())) kept.confirmedAtMs = askedAtMs;
      else if (this.#kept.has(execution)) execution.fenceOff();
    } catch (cause) {
      logger.warn({ err: cause, executionId: execution.id }, "Lease could not be renewed");
      if (this.#isOverdue(kept)) execution.fenceOff();
    }
  }

  #isOverdue(kept: Kept): boolean {
    const { clock, leaseTtlMs } = this.#options;
    return clock.monotonicMs() - kept.confirmedAtMs >= (leaseTtlMs * 2) / 3;
  }

  #recoverOnce(): void {
    if (this.#isRecovering) return;
    const { clock, logger } = this.#options;
    this.#isRecovering = true;
    this.recover(clock.nowMs())
      .catch((cause: unknown) => logger.error({ err: cause }, "Leases could not be looked after"))
      .finally(() => {
        this.#isRecovering = false;
      });
  }

  #isKeptHere(lease: Lease): boolean {
    for (const execution of this.#kept.keys()) if (execution.fence.lease === lease.name) return true;
    return false;
  }
}

export function leaseName(tenant: string, executionId: string): string {
  return `${LEASE_PREFIX}${JSON.stringify([tenant, executionId])}`;
}
