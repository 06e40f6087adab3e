/**
 * One connection to Redis, for as long as it lasts: it is never repaired, only replaced, so nothing of what was checked or subscribed on
 * it can outlive it. Commands are written in the order of the calls and answered in that order.
 */
import { createClient } from "@redis/client";
import type { Clock, Timer } from "../../core/ports.ts";
import type { RedisAddress } from "./redis-address.ts";

export interface RedisConnectionOptions {
  readonly address: RedisAddress;
  readonly clock: Clock;
  /** Time to connect and say hello. */
  readonly connectTimeoutMs: number;
  /** A connection on which something is asked and nothing answered for this long is given up. */
  readonly answerTimeoutMs: number;
  readonly maxQueuedCommands: number;
}

type Client = ReturnType<typeof createClientFor>;

/** How often silence is looked at while an answer is due. */
const LOOKS_PER_TIMEOUT = 4;

export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  readonly #client: Client;
  readonly #whenLost: ((reason: Error) => void)[] = [];
  /** Why it is not there any more. */
  #lost: Error | undefined;
  #dueCount = 0;
  #answeredCount = 0;
  #watch: Timer | undefined;

  private constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#client = createClientFor(options);
    // Every way in which a connection can end comes here, and has rejected what was asked on it.
    this.#client.on("error", (error: Error) => this.#lose(error));
  }

  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    const connection = new RedisConnection(options);
    const { clock, connectTimeoutMs } = options;
    const timer = clock.setTimer(connectTimeoutMs, () =>
      connection.#lose(new Error(`no answer within ${connectTimeoutMs} ms`)),
    );
    try {
      await connection.#client.connect();
      if (connection.#lost !== undefined) throw connection.#lost;
      return connection;
    } catch (error) {
      connection.destroy();
      throw connection.#lost ?? error;
    } finally {
      timer.cancel();
    }
  }

  /** Rejects with what Redis says, or with why the connection is gone. */
  command(args: readonly string[]): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    this.#expectAnswer();
    return this.#client.sendCommand(args).then(
      (reply) => {
        this.#noteAnswer();
        return reply;
      },
      (error: unknown) => {
        this.#noteAnswer();
        throw this.#lost ?? error;
      },
    );
  }

  async subscribe(
    topics: readonly string[],
    listener: (message: string, topic: string) => void,
  ): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    this.#expectAnswer();
    try {
      await this.#client.sSubscribe([...topics], listener);
    } finally {
      this.#noteAnswer();
    }
  }

  /** The listener must be the one that subscribed: with it, subscribing again at once is not lost. */
  async unsubscribe(topic: string, listener: (message: string, topic: string) => void): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    this.#expectAnswer();
    try {
      await this.#client.sUnsubscribe(topic, listener);
    } finally {
      this.#noteAnswer();
    }
  }

  /** Called once, also when it is destroyed on purpose. */
  whenLost(hear: (reason: Error) => void): void {
    if (this.#lost === undefined) this.#whenLost.push(hear);
    else hear(this.#lost);
  }

  /** Ends it at once; what is not answered yet is rejected with the reason. */
  destroy(reason = new Error("the connection was closed")): void {
    this.#lose(reason);
  }

  #lose(reason: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    this.#watch?.cancel();
    this.#client.destroy();
    for (const hear of this.#whenLost) hear(reason);
  }

  #expectAnswer(): void {
    this.#dueCount += 1;
    if (this.#watch === undefined) this.#watchSilence(LOOKS_PER_TIMEOUT, this.#answeredCount);
  }

  #noteAnswer(): void {
    this.#dueCount -= 1;
    this.#answeredCount += 1;
  }

  /** A socket whose other side has vanished looks healthy: only silence tells. */
  #watchSilence(looksLeft: number, answeredCount: number): void {
    const { clock, answerTimeoutMs } = this.#options;
    this.#watch = clock.setTimer(answerTimeoutMs / LOOKS_PER_TIMEOUT, () => {
      this.#watch = undefined;
      if (this.#dueCount === 0 || this.#lost !== undefined) return;
      if (this.#answeredCount !== answeredCount) this.#watchSilence(LOOKS_PER_TIMEOUT, this.#answeredCount);
      else if (looksLeft > 1) this.#watchSilence(looksLeft - 1, answeredCount);
      else this.#lose(new Error(`no answer within ${answerTimeoutMs} ms`));
    });
  }
}

function createClientFor({ address, connectTimeoutMs, maxQueuedCommands }: RedisConnectionOptions) {
  const { host, port, isTls, username, password, database } = address;
  return createClient({
    socket: {
      host,
      port,
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: false,
      ...(isTls ? { tls: true as const } : undefined),
    },
    ...(username === undefined ? undefined : { username }),
    ...(password === undefined ? undefined : { password }),
    database,
    name: "tachikoma",
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxQueuedCommands,
    disableClientInfo: true,
    maintNotifications: "disabled",
    // Its own watch over each command costs more than the rest of the command, and ends when the command is written.
    commandOptions: { timeout: 0 },
  });
}
