/**
 * Keeps the leases of running executions.
 *
 * A lease says who may write an execution's records. Its owner renews it at a third of its life; who cannot confirm a renewal for
 * two thirds of it, by its own monotonic clock, stops writing before anyone else may start. What becomes of an execution whose
 * lease has run out is for `orphans.ts`.
 */

import type { Lease, Store } from "../../stores/store.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import type { Execution } from "./execution.ts";
import { decodeLeaseBody, encodeLeaseBody, type LeaseBody, leaseName } from "./lease-body.ts";

interface Kept {
  /** Monotonic time at which the last renewal that succeeded was asked for. */
  confirmedAtMs: number;
  isRenewing: boolean;
}

export interface LeaseKeeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly leaseTtlMs: number;
  /** Called with each look at the leases: then it is also time to look for those that others have let go. */
  readonly onLook: () => void;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #kept = new Map<Execution, Kept>();
  #timer: Timer | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Channel of an execution that someone runs, here or on another node. */
  async channelOf(tenant: string, executionId: string): Promise<string | undefined> {
    const lease = await this.#options.store.findLease(leaseName(tenant, executionId));
    return lease === undefined ? undefined : decodeLeaseBody(lease.body).channel;
  }

  /** `undefined` when someone else runs the execution. */
  acquire(body: LeaseBody, nowMs = this.#options.clock.nowMs()): Promise<Lease | undefined> {
    const { store, nodeId, leaseTtlMs } = this.#options;
    const name = leaseName(body.tenant, body.executionId);
    return store.acquireLease(name, nodeId, leaseTtlMs, nowMs, encodeLeaseBody(body));
  }

  keep(execution: Execution): void {
    this.#kept.set(execution, { confirmedAtMs: this.#options.clock.monotonicMs(), isRenewing: false });
  }

  isKept(leaseName: string): boolean {
    for (const execution of this.#kept.keys()) if (execution.fence.lease === leaseName) return true;
    return false;
  }

  /** Gives the lease up, unless the end of the execution is not stored: then it has to be found by whoever ends it. */
  async drop(execution: Execution, isEndStored: boolean): Promise<void> {
    this.#kept.delete(execution);
    if (isEndStored) await this.#options.store.releaseLease(execution.fence.lease, execution.fence.token);
  }

  start(): void {
    const { clock, leaseTtlMs, onLook } = this.#options;
    this.#timer = clock.setTimer(leaseTtlMs / 3, () => {
      // The next look does not wait for this one: a store that hangs must not keep an owner from fencing itself.
      this.start();
      for (const [execution, kept] of this.#kept) this.#lookAfter(execution, kept);
      onLook();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
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
}
