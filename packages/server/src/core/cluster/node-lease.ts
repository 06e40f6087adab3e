/**
 * Which nodes live. A node holds a lease under its own name while it does, and what it vouches for in rosters counts as long.
 *
 *   held --renewal refused--> lost --acquired anew--> held, and everything it vouches for is put back
 *
 * A node that died is found by the others: one of them takes its lease over, strikes what stood under it, and gives it up.
 */
import type { Lease, RosterKey, Store } from "../../stores/store.ts";
import type { Clock, Logger, Random, Timer } from "../ports.ts";

const NODE_PREFIX = "node:";

/** Dead nodes that one look takes care of. */
const MAX_STRUCK_AT_ONCE = 64;

/** How soon a node asks again for a lease that another is just striking. */
const RETRY_MS = 1_000;

/** Name of the lease under which a node vouches for things. */
export function leaseOf(nodeId: string): string {
  return `${NODE_PREFIX}${nodeId}`;
}

export interface NodeLeaseOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly leaseTtlMs: number;
  /** The lease was lost for a while: what this node vouches for has to be put back. */
  readonly onRejoined: () => void;
  /** What a dead node vouched for is gone from these rosters. */
  readonly onStruck: (rosters: readonly RosterKey[]) => void;
}

export class NodeLease {
  readonly name: string;
  readonly #options: NodeLeaseOptions;
  #token: number | undefined;
  /** Monotonic time at which the last confirmation was asked for. */
  #confirmedAtMs = 0;
  #isRenewing = false;
  #isStriking = false;
  #isClosed = false;
  #renewTimer: Timer | undefined;
  #strikeTimer: Timer | undefined;

  constructor(options: NodeLeaseOptions) {
    this.#options = options;
    this.name = leaseOf(options.nodeId);
  }

  /** False when the lease may have run out, by this node's own monotonic clock. */
  get isHeld(): boolean {
    const { clock, leaseTtlMs } = this.#options;
    return this.#token !== undefined && clock.monotonicMs() - this.#confirmedAtMs < leaseTtlMs;
  }

  /**
   * Takes the lease and strikes what dead nodes left behind. Where no other node can exist, whoever has a lease is dead.
   *
   * @throws STORE_UNAVAILABLE
   */
  async open(): Promise<void> {
    const { store, clock } = this.#options;
    await this.#strikeExpired(store.isShared ? clock.nowMs() : Number.MAX_SAFE_INTEGER);
    await this.#acquire();
    this.#renewLater(this.#beatMs);
    this.#strikeLater();
  }

  /**
   * Gives the lease up, with all that still stands under it.
   *
   * @param lingerMs how long that goes on to count; the others strike it then
   */
  async close(lingerMs: number): Promise<void> {
    const { store, clock } = this.#options;
    this.#isClosed = true;
    this.#renewTimer?.cancel();
    this.#strikeTimer?.cancel();
    const token = this.#token;
    if (token === undefined) return;
    this.#token = undefined;
    if (lingerMs > 0) {
      await store.renewLease(this.name, token, lingerMs, clock.nowMs());
      return;
    }
    await store.strikeLease(this.name);
    await store.releaseLease(this.name, token);
  }

  get #beatMs(): number {
    return Math.ceil(this.#options.leaseTtlMs / 3);
  }

  #renewLater(delayMs: number): void {
    if (this.#isClosed) return;
    this.#renewTimer?.cancel();
    this.#renewTimer = this.#options.clock.setTimer(delayMs, () => {
      // The next beat does not wait for this one: a store that hangs must not end the beats.
      this.#renewLater(this.#beatMs);
      if (this.#isRenewing) return;
      this.#isRenewing = true;
      this.#renew()
        .catch((cause: unknown) =>
          this.#options.logger.warn({ err: cause }, "The node's lease could not be renewed"),
        )
        .finally(() => {
          this.#isRenewing = false;
        });
    });
  }

  async #renew(): Promise<void> {
    const { store, clock, leaseTtlMs, logger, onRejoined } = this.#options;
    const askedAtMs = clock.monotonicMs();
    const token = this.#token;
    if (token !== undefined && (await store.renewLease(this.name, token, leaseTtlMs, clock.nowMs()))) {
      const wasLate = clock.monotonicMs() - this.#confirmedAtMs >= leaseTtlMs;
      this.#confirmedAtMs = askedAtMs;
      // Nobody took it, but for a while what stands under it did not count.
      if (wasLate && !this.#isClosed) onRejoined();
      return;
    }
    if (this.#isClosed) return;
    this.#token = undefined;
    if (!(await this.#acquire())) return this.#renewLater(RETRY_MS);
    logger.warn({ lease: this.name }, "The node had lost its lease and has it again");
    if (!this.#isClosed) onRejoined();
  }

  /** False while another node has it, to strike what stood under it. */
  async #acquire(): Promise<boolean> {
    const { store, clock, nodeId, leaseTtlMs } = this.#options;
    const askedAtMs = clock.monotonicMs();
    const acquired = await store.acquireLease(this.name, nodeId, leaseTtlMs, clock.nowMs(), "{}");
    // It may be here already: the answer to an earlier try was lost.
    const lease = acquired ?? (await this.#ownLease());
    if (lease === undefined) return false;
    this.#token = lease.token;
    this.#confirmedAtMs = acquired === undefined ? this.#confirmedAtMs : askedAtMs;
    return true;
  }

  async #ownLease(): Promise<Lease | undefined> {
    const lease = await this.#options.store.findLease(this.name);
    return lease?.owner === this.#options.nodeId ? lease : undefined;
  }

  #strikeLater(): void {
    const { clock, random, logger } = this.#options;
    if (this.#isClosed) return;
    // Not all nodes at the same moment: one is enough.
    const delayMs = this.#beatMs * (0.75 + random.fraction() / 2);
    this.#strikeTimer = clock.setTimer(delayMs, () => {
      this.#strikeLater();
      if (this.#isStriking) return;
      this.#isStriking = true;
      this.#strikeExpired(clock.nowMs())
        .catch((cause: unknown) => logger.warn({ err: cause }, "Leases of nodes could not be looked after"))
        .finally(() => {
          this.#isStriking = false;
        });
    });
  }

  /** @param expiredAtMs leases that end before this have no owner */
  async #strikeExpired(expiredAtMs: number): Promise<void> {
    const { store } = this.#options;
    for (;;) {
      const leases = await store.expiredLeases(NODE_PREFIX, expiredAtMs, MAX_STRUCK_AT_ONCE);
      const dead = leases.filter(({ name }) => name !== this.name);
      for (const lease of dead) await this.#strike(lease);
      if (leases.length < MAX_STRUCK_AT_ONCE || dead.length === 0) return;
    }
  }

  async #strike(dead: Lease): Promise<void> {
    const { store, clock, nodeId, logger, onStruck } = this.#options;
    const nowMs = Math.max(clock.nowMs(), dead.expiresAtMs);
    // Held while its entries go, so that a node that comes back does not put them on again before.
    const lease = await store.acquireLease(dead.name, nodeId, this.#beatMs, nowMs, dead.body);
    if (lease === undefined) return;
    const rosters = await store.strikeLease(dead.name);
    onStruck(rosters);
    await store.releaseLease(dead.name, lease.token);
    logger.info({ lease: dead.name, rosterCount: rosters.length }, "Struck what a dead node vouched for");
  }
}
