/**
 * The way of all calls to Redis: one connection after the other, each checked before it is used. While there is none, calls are
 * refused at once; nothing waits for a connection, because what waits during an outage has no bound and comes in a wrong order.
 *
 *   up -- lost, or no longer the server that was checked --> down -- opened and checked --> up
 *    +------------------------------- close -----------------> closed
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Clock, Random, Timer } from "../../core/ports.ts";
import { backoffMs } from "./backoff.ts";
import {
  type CheckedConnection,
  type CheckOptions,
  loadScripts,
  openChecked,
  type Predecessors,
} from "./checked-connection.ts";
import { CommitLine, UnconfirmedError } from "./commit-line.ts";
import type { FaultLog } from "./fault-log.ts";
import { faultOf, unavailable } from "./redis-fault.ts";
import type { Script } from "./scripts/script.ts";
import { serverFacts } from "./server-check.ts";

export interface RedisLinkOptions extends CheckOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultLog;
  readonly confirmTimeoutMs: number;
  /** Calls that may be under way. */
  readonly maxQueuedCalls: number;
  /** Content that may be under way, in bytes. */
  readonly maxQueuedBytes: number;
  /** A lost connection was replaced. */
  readonly onReconnected: () => void;
}

interface Up extends CheckedConnection {
  readonly line: CommitLine;
  readonly generationText: string;
}

/** What a call weighs besides its content. */
const CALL_OVERHEAD_BYTES = 256;

export class RedisLink {
  readonly #options: RedisLinkOptions;
  #up: Up | undefined;
  /** Why calls are refused while there is no connection. */
  #refusal: TachikomaError | undefined;
  #isClosed = false;
  #retry: Timer | undefined;
  #isLoadingScripts = false;
  #predecessors: Predecessors = { generation: 0, last: undefined };
  #callsUnderWay = 0;
  #bytesUnderWay = 0;
  #whenIdle: (() => void) | undefined;

  private constructor(options: RedisLinkOptions) {
    this.#options = options;
  }

  /** @throws CONFIG_INVALID, STORE_UNAVAILABLE */
  static async open(options: RedisLinkOptions): Promise<RedisLink> {
    const link = new RedisLink(options);
    link.#use(await openChecked(options, link.#predecessors));
    return link;
  }

  /** Rejects with STORE_UNAVAILABLE; whether the script has run is then not known. */
  run(script: Script, keys: readonly string[], args: readonly string[], contentBytes = 0): Promise<unknown> {
    const up = this.#up;
    if (up === undefined) return Promise.reject(this.#refusal);
    const words = ["EVALSHA", script.sha, String(keys.length), ...keys, up.generationText, ...args];
    return this.#send(up, words, script.isWrite, contentBytes);
  }

  /** One plain command, for what changes nothing. */
  command(args: readonly string[]): Promise<unknown> {
    const up = this.#up;
    if (up === undefined) return Promise.reject(this.#refusal);
    return this.#send(up, args, false, 0);
  }

  /**
   * Looks whether the server is still what it was checked to be. One that was made a replica and a master again keeps its
   * connections, and nothing else would tell.
   */
  async checkServer(): Promise<void> {
    const up = this.#up;
    if (up === undefined) return;
    const info = await this.command(["INFO", "replication"]);
    const { role, inheritedId } = serverFacts(String(info), undefined);
    if (role === up.facts.role && inheritedId === up.facts.inheritedId) return;
    up.connection.destroy(new Error("the server has had another role"));
  }

  /** Answers what was called before. */
  async close(): Promise<void> {
    const { label } = this.#options.connection.address;
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#refusal = new TachikomaError("STORE_UNAVAILABLE", `The store on Redis at ${label} is closed`);
    const up = this.#up;
    this.#up = undefined;
    if (this.#callsUnderWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    up?.connection.destroy();
  }

  #send(up: Up, words: readonly string[], isWrite: boolean, contentBytes: number): Promise<unknown> {
    const byteCount = contentBytes + CALL_OVERHEAD_BYTES;
    const refusal = this.#overload(byteCount);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#callsUnderWay += 1;
    this.#bytesUnderWay += byteCount;
    return up.line.submit(words, isWrite).then(
      (reply) => {
        this.#settle(byteCount);
        return reply;
      },
      (thrown: unknown) => {
        this.#settle(byteCount);
        throw this.#fail(up, thrown);
      },
    );
  }

  #overload(byteCount: number): TachikomaError | undefined {
    const { maxQueuedCalls, maxQueuedBytes } = this.#options;
    if (this.#callsUnderWay >= maxQueuedCalls) {
      return new TachikomaError(
        "STORE_UNAVAILABLE",
        `${this.#callsUnderWay} calls wait for the store, the limit is ${maxQueuedCalls}`,
      );
    }
    const bytesUnderWay = this.#bytesUnderWay + byteCount;
    if (bytesUnderWay <= maxQueuedBytes) return undefined;
    return new TachikomaError(
      "STORE_UNAVAILABLE",
      `${bytesUnderWay} bytes would wait for the store, the limit is ${maxQueuedBytes}`,
    );
  }

  #settle(byteCount: number): void {
    this.#callsUnderWay -= 1;
    this.#bytesUnderWay -= byteCount;
    if (this.#callsUnderWay === 0) this.#whenIdle?.();
  }

  #fail(up: Up, thrown: unknown): TachikomaError {
    const { faults, connection } = this.#options;
    const { label } = connection.address;
    if (thrown instanceof UnconfirmedError) {
      faults.warn("unconfirmed", `Redis at ${label} has taken a write, but ${thrown.message}`);
      return unavailable(label, `has taken the write, but ${thrown.message}`, thrown);
    }
    const fault = faultOf(thrown);
    // The loss of the connection is logged once, by who replaces it.
    if (fault.kind !== "connection") faults.warn(fault.kind, `Redis at ${label} ${fault.reason}`);
    if (fault.remedy === "load-scripts") this.#loadScripts(up);
    if (fault.remedy === "check-server") up.connection.destroy(new Error(fault.reason));
    return unavailable(label, fault.reason, thrown);
  }

  /** What was sent behind the call that found them missing fails too; what is called from now on comes after them. */
  #loadScripts(up: Up): void {
    if (this.#isLoadingScripts) return;
    this.#isLoadingScripts = true;
    loadScripts(up.connection)
      .catch((error: unknown) =>
        up.connection.destroy(error instanceof Error ? error : new Error(String(error))),
      )
      .finally(() => {
        this.#isLoadingScripts = false;
      });
  }

  #use(checked: CheckedConnection): void {
    const { connection, confirmation, generation, clientId, facts } = checked;
    const line = new CommitLine({
      send: (args) => connection.command(args),
      confirmation,
      confirmTimeoutMs: this.#options.confirmTimeoutMs,
    });
    this.#up = { ...checked, line, generationText: String(generation) };
    this.#predecessors = { generation, last: { runId: facts.runId, clientId } };
    connection.whenLost((reason) => this.#down(reason));
  }

  #down(cause: Error): void {
    if (this.#isClosed) return;
    const { faults, connection } = this.#options;
    const { label } = connection.address;
    this.#up = undefined;
    this.#refusal = unavailable(label, `was lost: ${cause.message}`);
    faults.warn("lost", `Redis at ${label} was lost: ${cause.message}`);
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
    const { faults, connection, onReconnected } = this.#options;
    try {
      const checked = await openChecked(this.#options, this.#predecessors);
      if (this.#isClosed) return checked.connection.destroy();
      this.#use(checked);
      faults.info(`Redis at ${connection.address.label} is there again`, { generation: checked.generation });
      onReconnected();
    } catch (error) {
      if (this.#isClosed) return;
      // What would be a mistake in the configuration at the start is an outage now: it may be mended without us.
      const reason = error instanceof Error ? error.message : String(error);
      this.#refusal = new TachikomaError("STORE_UNAVAILABLE", reason, { cause: error });
      faults.warn(`retry ${reason}`, reason);
      this.#tryLater(failedTries + 1);
    }
  }
}
