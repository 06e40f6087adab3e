/**
 * Letters between nodes: each node has a log of its own, in which the others append and which it reads in order. So a letter that was
 * stored arrives, whatever becomes of the hint that it is there.
 */
import type { Position } from "@tachikoma/protocol";
import type { LogKey, Retention, Store } from "../../stores/store.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import { HEAD_CHECK_INTERVAL_MS } from "./log-follower.ts";
import type { NodeMessage } from "./node-message.ts";

/** No credential has it. */
export const NODE_TENANT = "~";

/** A node that did not read for so long has lost its leases, and with them all that a letter could be about. */
const RETENTION: Retention = { maxRecords: 10_000, maxBytes: 16 * 1024 * 1024, maxAgeMs: 300_000 };
/** Pauses between tries of a letter that nobody would ask for again. */
const SEND_RETRY_MS = [200, 1_000, 5_000] as const;
const READ_LIMITS = { maxRecords: 256, maxBytes: 1024 * 1024 };

export interface NodeMailOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: string;
  readonly onMessage: (message: NodeMessage) => void;
}

export class NodeMail {
  readonly #options: NodeMailOptions;
  readonly #key: LogKey;
  #place: Position | undefined;
  /** False when the store has refused to say when there are letters: it is asked again at the next look. */
  #isFollowed = false;
  #isReading = false;
  #isReadDue = false;
  #timer: Timer | undefined;

  constructor(options: NodeMailOptions) {
    this.#options = options;
    this.#key = keyOf(options.nodeId);
  }

  /** Makes the own log. From when it resolves, what is sent to this node arrives. */
  async open(): Promise<void> {
    const { store, clock } = this.#options;
    this.#place = (await store.openLog(this.#key, clock.nowMs())).head;
    this.#look();
    this.#follow();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#place = undefined;
    this.#options.store.unfollow(this.#key);
    await this.#options.store.deleteLog(this.#key).catch(() => {
      // It is empty after its retention, and swept like any other.
    });
  }

  /** Resolves when it is stored. @throws STORE_UNAVAILABLE */
  async send(nodeId: string, message: NodeMessage): Promise<void> {
    const { store, clock } = this.#options;
    await store.append({
      key: keyOf(nodeId),
      records: [{ type: "message", body: JSON.stringify(message) }],
      nowMs: clock.nowMs(),
      retention: RETENTION,
    });
  }

  /** The same, tried again for a while: for what nobody would ask again. */
  async sendAtLast(nodeId: string, message: NodeMessage): Promise<void> {
    for (const retryMs of [...SEND_RETRY_MS, undefined]) {
      try {
        return await this.send(nodeId, message);
      } catch (cause) {
        if (retryMs === undefined) return this.#warn(cause, "A letter could not be sent");
        await new Promise<void>((resolve) => this.#options.clock.setTimer(retryMs, resolve));
      }
    }
  }

  /** True when it was about this node's own log. */
  onHead(key: LogKey): boolean {
    if (key.tenant !== NODE_TENANT || key.channel !== this.#key.channel) return false;
    this.#read();
    return true;
  }

  onHintsLost(): void {
    this.#read();
  }

  /** Not waited for: without hints letters are found by looking. */
  #follow(): void {
    this.#isFollowed = true;
    this.#options.store.follow(this.#key).catch((cause: unknown) => {
      this.#isFollowed = false;
      this.#warn(cause, "Node cannot hear of letters yet");
    });
  }

  #look(): void {
    this.#timer = this.#options.clock.setTimer(HEAD_CHECK_INTERVAL_MS, () => {
      this.#look();
      if (!this.#isFollowed) this.#follow();
      this.#read();
    });
  }

  #read(): void {
    if (this.#isReading) {
      this.#isReadDue = true;
      return;
    }
    this.#isReading = true;
    this.#readAll()
      .catch((cause: unknown) => this.#warn(cause, "Letters could not be read"))
      .finally(() => {
        this.#isReading = false;
        if (!this.#isReadDue) return;
        this.#isReadDue = false;
        this.#read();
      });
  }

  async #readAll(): Promise<void> {
    const { store, clock } = this.#options;
    for (;;) {
      const place = this.#place;
      if (place === undefined) return;
      const found = await store.read({ key: this.#key, afterSeq: place.seq, ...READ_LIMITS });
      if (this.#place !== place) return;
      if (found === undefined || found.state.head.epoch !== place.epoch) {
        // The log is another one: what is in it was perhaps read before, which does no harm.
        this.#place = (await store.openLog(this.#key, clock.nowMs())).base;
        continue;
      }
      if (found.records.length === 0) return;
      const last = found.records.at(-1)!;
      this.#place = { epoch: place.epoch, seq: last.seq, tag: last.tag };
      for (const { body } of found.records) this.#open(body);
    }
  }

  /** One that cannot be read, or that a node of another version wrote, must not keep the others from being read. */
  #open(body: string): void {
    try {
      this.#options.onMessage(JSON.parse(body) as NodeMessage);
    } catch (cause) {
      this.#warn(cause, "A letter could not be read");
    }
  }

  #warn(cause: unknown, message: string): void {
    this.#options.logger.warn({ err: cause, nodeId: this.#options.nodeId }, message);
  }
}

function keyOf(nodeId: string): LogKey {
  return { tenant: NODE_TENANT, channel: `~node:${nodeId}` };
}
