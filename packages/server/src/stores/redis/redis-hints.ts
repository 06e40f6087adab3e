/**
 * What nodes tell each other in passing: sharded pub/sub on a connection of its own, one topic for each log that is followed here.
 * A message is `NODE KIND CONTENT`: who said it, because Redis brings it back to its author too; `h` a head or `n` a note.
 *
 * A subscription can be dead while its connection looks healthy, as when the other side of it has vanished. So the node
 * listens to a topic of its own as well, and is told something there now and then (`probe`).
 */
import { parsePosition, TachikomaError } from "@tachikoma/protocol";
import type { Clock, Random, Timer } from "../../core/ports.ts";
import type { HintListener, LogKey } from "../store.ts";
import { backoffMs } from "./backoff.ts";
import type { FaultLog } from "./fault-log.ts";
import { RedisConnection, type RedisConnectionOptions } from "./redis-connection.ts";
import { faultOf, unavailable } from "./redis-fault.ts";
import type { RedisNames } from "./redis-names.ts";

/** A message of ours that has not come back by then will not come. */
const PROBE_DEADLINE_MS = 2_000;
/** Topics of one command when all are subscribed to anew. */
const MAX_TOPICS_PER_COMMAND = 500;

export interface RedisHintsOptions {
  readonly connection: RedisConnectionOptions;
  readonly names: RedisNames;
  /** Tells this node from the others. */
  readonly nodeNonce: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultLog;
  /** How long it took from here through Redis and back. */
  readonly onProbed: (lagMs: number) => void;
}

export class RedisHints {
  readonly #options: RedisHintsOptions;
  readonly #followed = new Map<string, LogKey>();
  readonly #probeTopic: string;
  #listener: HintListener | undefined;
  #connection: RedisConnection | undefined;
  #isClosed = false;
  #retry: Timer | undefined;
  #probeNumber = 0;
  #probeSentAtMs = 0;
  #isProbeOut = false;
  #probeDeadline: Timer | undefined;

  private constructor(options: RedisHintsOptions) {
    this.#options = options;
    this.#probeTopic = options.names.probe(options.nodeNonce);
  }

  /** @throws CONFIG_INVALID, STORE_UNAVAILABLE */
  static async open(options: RedisHintsOptions): Promise<RedisHints> {
    const hints = new RedisHints(options);
    const { label } = options.connection.address;
    try {
      await hints.#connect();
      return hints;
    } catch (thrown) {
      const { kind, reason } = faultOf(thrown);
      if (kind !== "NOPERM") throw unavailable(label, reason, thrown);
      throw new TachikomaError("CONFIG_INVALID", `Redis at ${label} ${reason}`, { cause: thrown });
    }
  }

  listen(listener: HintListener): void {
    this.#listener = listener;
  }

  async follow(key: LogKey): Promise<void> {
    const { names, connection } = this.#options;
    if (this.#connection === undefined) {
      throw unavailable(connection.address.label, "has no connection for hints at the moment");
    }
    const topic = names.hints(key);
    this.#followed.set(topic, key);
    try {
      await this.#connection.subscribe([topic], this.#hear);
    } catch (thrown) {
      if (this.#followed.get(topic) === key) this.#followed.delete(topic);
      throw unavailable(connection.address.label, faultOf(thrown).reason, thrown);
    }
  }

  unfollow(key: LogKey): void {
    const topic = this.#options.names.hints(key);
    if (!this.#followed.delete(topic)) return;
    // Where it fails the connection has gone, and the subscription with it.
    this.#connection?.unsubscribe(topic, this.#hear).catch(() => {});
  }

  /** Finds out whether what is told still arrives. `publish` returns how many have got it. */
  async probe(publish: (topic: string, message: string) => Promise<number>): Promise<void> {
    const { clock } = this.#options;
    const connection = this.#connection;
    if (connection === undefined || this.#isProbeOut) return;
    const number = ++this.#probeNumber;
    this.#isProbeOut = true;
    this.#probeSentAtMs = clock.monotonicMs();
    let receiverCount: number;
    try {
      receiverCount = await publish(this.#probeTopic, String(number));
    } catch {
      // The other connection is in trouble, which says nothing about this one.
      this.#isProbeOut = false;
      return;
    }
    if (!this.#isProbeOut || this.#connection !== connection) return;
    if (receiverCount === 0) return connection.destroy(new Error("Redis has no subscription of ours"));
    this.#probeDeadline = clock.setTimer(PROBE_DEADLINE_MS, () =>
      connection.destroy(new Error(`nothing arrived within ${PROBE_DEADLINE_MS} ms`)),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#connection?.destroy();
  }

  async #connect(): Promise<void> {
    const connection = await RedisConnection.open(this.#options.connection);
    try {
      const topics = [this.#probeTopic, ...this.#followed.keys()];
      for (let start = 0; start < topics.length; start += MAX_TOPICS_PER_COMMAND) {
        await connection.subscribe(topics.slice(start, start + MAX_TOPICS_PER_COMMAND), this.#hear);
      }
    } catch (error) {
      connection.destroy();
      throw error;
    }
    if (this.#isClosed) return connection.destroy();
    this.#connection = connection;
    connection.whenLost((reason) => this.#lost(reason));
  }

  #lost(reason: Error): void {
    this.#connection = undefined;
    this.#probeDeadline?.cancel();
    this.#isProbeOut = false;
    if (this.#isClosed) return;
    const { faults, connection } = this.#options;
    faults.warn("hints", `Hints through Redis at ${connection.address.label} were lost: ${reason.message}`);
    this.#tryLater(0);
  }

  #tryLater(failedTries: number): void {
    const { clock, random } = this.#options;
    this.#retry = clock.setTimer(
      backoffMs(failedTries, random.fraction()),
      () => void this.#tryAgain(failedTries),
    );
  }

  async #tryAgain(failedTries: number): Promise<void> {
    const { faults, connection } = this.#options;
    try {
      await this.#connect();
    } catch (thrown) {
      if (this.#isClosed) return;
      const { reason } = faultOf(thrown);
      faults.warn(
        `hints ${reason}`,
        `Hints through Redis at ${connection.address.label} cannot be had: it ${reason}`,
      );
      this.#tryLater(failedTries + 1);
      return;
    }
    // What was said while nobody listened is said to nobody again.
    if (!this.#isClosed) this.#listener?.onHintsLost();
  }

  readonly #hear = (message: string, topic: string): void => {
    if (topic === this.#probeTopic) return this.#hearProbe(message);
    const key = this.#followed.get(topic);
    const [author, kind] = message.split(" ", 2);
    if (key === undefined || author === undefined || author === this.#options.nodeNonce) return;
    const content = message.slice(author.length + 3);
    if (kind === "n") this.#listener?.onNote(key, content);
    const head = kind === "h" ? parsePosition(content) : undefined;
    if (head !== undefined) this.#listener?.onHead(key, head);
  };

  #hearProbe(message: string): void {
    if (!this.#isProbeOut || message !== String(this.#probeNumber)) return;
    this.#isProbeOut = false;
    this.#probeDeadline?.cancel();
    this.#options.onProbed(this.#options.clock.monotonicMs() - this.#probeSentAtMs);
  }
}

/** What another node gets to hear as a note. */
export function noteMessage(nodeNonce: string, note: string): string {
  return `${nodeNonce} n ${note}`;
}
