/**
 * What this node is to the others: its lease, what it vouches for under it, and what it hears from them in passing.
 */
import type { LogKey, RosterKey, Store } from "../../stores/store.ts";
import { judgePlace } from "../connection/connection-places.ts";
import type { Clock, Logger, Random } from "../ports.ts";
import { judgePresence } from "../presence/presence-entry.ts";
import { withinTime } from "../time-limit.ts";
import { Hints, type RosterChange } from "./hints.ts";
import { NodeLease } from "./node-lease.ts";
import { Patrol } from "./patrol.ts";
import { VouchedEntries } from "./vouched-entries.ts";
import { Watchers } from "./watchers.ts";

/** What is still to be written about this node when it stops may take this long: the lease ends by itself. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Places and watchers are all looked at once in this time. */
const PATROL_ROUND_MS = 60_000;

export interface MembershipOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly leaseTtlMs: number;
  readonly presenceLeaveAfterMs: number;
  readonly onPresenceChanged: (roster: RosterKey, change: RosterChange) => void;
  /** What a dead node said of who is present in a channel is gone. */
  readonly onPresenceStruck: (roster: RosterKey) => void;
  /** For a while what this node said of who is present did not count; now it does. */
  readonly onPresenceCounted: () => void;
}

export class Membership {
  readonly hints: Hints;
  readonly lease: NodeLease;
  readonly places: VouchedEntries;
  readonly presence: VouchedEntries;
  /** `undefined` where no other node can exist. */
  readonly watchers: Watchers | undefined;
  readonly #options: MembershipOptions;
  readonly #watched: VouchedEntries;
  readonly #patrols: readonly Patrol<RosterKey>[];

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.hints = new Hints(options);
    this.lease = new NodeLease({
      ...options,
      onRejoined: () => this.#onRejoined(),
      onStruck: (rosters) => this.#onStruck(rosters),
    });
    const { lease } = this;
    this.places = new VouchedEntries({ ...options, lease, kind: "places", judge: judgePlace });
    this.#watched = new VouchedEntries({ ...options, lease, kind: "watchers", judge: () => "ours" });
    this.presence = new VouchedEntries({
      ...options,
      lease,
      kind: "presence",
      judge: judgePresence,
      onChanged: options.onPresenceChanged,
    });
    this.watchers = options.store.isShared
      ? new Watchers({ vouched: this.#watched, nodeId: options.nodeId })
      : undefined;
    // Presence is looked at more often, by who shows it.
    this.#patrols = [this.places, this.#watched].map(
      (entries) =>
        new Patrol({
          ...options,
          roundMs: PATROL_ROUND_MS,
          places: () => entries.rosters(),
          look: (roster) => entries.look(roster),
        }),
    );
  }

  /** What to ask whether other nodes have watchers; absent where there are no other nodes. */
  get isWatchedElsewhere(): ((key: LogKey) => Promise<boolean>) | undefined {
    const { watchers } = this;
    return watchers === undefined ? undefined : (key) => watchers.isWatchedElsewhere(key);
  }

  /** @throws STORE_UNAVAILABLE */
  async open(): Promise<void> {
    await this.lease.open();
    if (this.#options.store.isShared) for (const patrol of this.#patrols) patrol.start();
  }

  /** Connections have been closed before, so what is left is who may come back on another node: that counts for a grace. */
  async close(): Promise<void> {
    const { store, clock, logger, presenceLeaveAfterMs } = this.#options;
    for (const patrol of this.#patrols) patrol.stop();
    const all = [this.places, this.#watched, this.presence];
    await withinTime(clock, CLOSE_TIMEOUT_MS, Promise.all(all.map((entries) => entries.settled())));
    const lingerMs = store.isShared && this.presence.isVouching ? presenceLeaveAfterMs : 0;
    for (const entries of all) entries.close();
    const closing = this.lease.close(lingerMs).catch((cause: unknown) => {
      logger.warn({ err: cause }, "The node's lease could not be given up");
    });
    await withinTime(clock, CLOSE_TIMEOUT_MS, closing);
  }

  #onRejoined(): void {
    for (const entries of [this.places, this.#watched, this.presence]) entries.reaffirm();
    this.#options.onPresenceCounted();
  }

  #onStruck(rosters: readonly RosterKey[]): void {
    for (const roster of rosters) if (roster.kind === "presence") this.#options.onPresenceStruck(roster);
  }
}
