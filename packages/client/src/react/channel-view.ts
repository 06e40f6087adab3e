import type { ResetReason } from "@tachikoma/protocol";
import type { MessageDelivery, SubscribeOptions, Subscription, TachikomaClient } from "../api.ts";
import type { ClientError } from "../client-error.ts";
import { ChannelEntries, type ChannelEntry } from "./channel-entries.ts";
import { errorOf } from "./error-of.ts";
import { type OpenView, View } from "./view.ts";

export interface ChannelSnapshot {
  /**
   * `idle`: there is no channel to follow. `joined`: the server has confirmed the subscription; it stays so through lost connections, of
   * which `useConnection` tells. `closed`: it is over, and `error` says why.
   */
  readonly state: "idle" | "joining" | "joined" | "closed";
  /** Messages and executions, in the order in which they began. */
  readonly entries: readonly ChannelEntry[];
  /** Those of the entries that are messages. */
  readonly messages: readonly MessageDelivery[];
  /** Of the last record that was taken. */
  readonly position?: string;
  /** Set when continuity was lost: the entries are what has come since. */
  readonly reset?: ResetReason;
  /** What the application's server attached to the subscription, if anything. */
  readonly initialState?: unknown;
  readonly error?: ClientError;
}

export interface ChannelOptions extends Pick<SubscribeOptions, "since" | "position"> {
  /** The oldest entries are left out beyond this number. @default 1_000 */
  readonly maxEntries?: number;
}

const DEFAULT_MAX_ENTRIES = 1_000;

export const IDLE_CHANNEL: ChannelSnapshot = { state: "idle", entries: [], messages: [] };
export const JOINING_CHANNEL: ChannelSnapshot = { ...IDLE_CHANNEL, state: "joining" };

type Told = Pick<ChannelSnapshot, "position" | "reset" | "initialState" | "error">;

export class ChannelView implements OpenView<ChannelSnapshot> {
  readonly view = new View(JOINING_CHANNEL, () => this.#snapshot());
  readonly #entries: ChannelEntries;
  #subscription: Subscription | undefined;
  #state: ChannelSnapshot["state"] = "joining";
  #told: Told = {};

  constructor(client: TachikomaClient, name: string, options: ChannelOptions) {
    const { maxEntries = DEFAULT_MAX_ENTRIES, ...place } = options;
    this.#entries = new ChannelEntries(maxEntries);
    try {
      this.#subscription = client.channel(name).subscribe(place);
      this.#follow(this.#subscription);
    } catch (cause) {
      this.#closed(errorOf(cause));
    }
  }

  close(): void {
    this.#subscription?.unsubscribe();
  }

  #follow(subscription: Subscription): void {
    subscription.on("subscribed", ({ initialState }) => {
      this.#state = "joined";
      this.#tell(initialState === undefined ? {} : { initialState });
    });
    subscription.on("delivery", (delivery) => {
      this.#entries.take(delivery);
      const { position } = delivery;
      this.#tell(delivery.type === "reset" ? { position, reset: delivery.reason } : { position });
    });
    subscription.on("closed", ({ error }) => this.#closed(error));
  }

  #closed(error: ClientError | undefined): void {
    this.#state = "closed";
    this.#tell(error === undefined ? {} : { error });
  }

  #tell(what: Told): void {
    this.#told = { ...this.#told, ...what };
    this.view.changed();
  }

  #snapshot(): ChannelSnapshot {
    const entries = this.#entries.list;
    const messages = entries.filter((entry) => entry.type === "message");
    return { state: this.#state, entries, messages, ...this.#told };
  }
}
