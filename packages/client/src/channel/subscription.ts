import { formatPosition, parsePosition } from "@tachikoma/protocol";
import type {
  Delivery,
  PresenceEvent,
  SignalEvent,
  SubscribedEvent,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  Unsubscribe,
} from "../api.ts";
import { ClientError } from "../client-error.ts";
import { Listeners } from "../events.ts";
import { Mailbox } from "../mailbox.ts";
import { cursorAt } from "./channel-cursor.ts";
import type { ChannelFeed } from "./channel-feed.ts";
import type { Follower, Place } from "./follower.ts";

const DEFAULT_MAX_BUFFERED_DELIVERIES = 256;
const DELIVERY_EVENTS: ReadonlySet<string> = new Set([
  "message",
  "chunk",
  "started",
  "restarted",
  "ended",
  "reset",
  "delivery",
]);

/** The place that an application asks for. */
export function placeFor({ since, position }: { since?: "start" | "head"; position?: string }): Place {
  if (position === undefined) return { kind: since ?? "head" };
  const parsed = parsePosition(position);
  if (parsed === undefined) {
    throw new ClientError("INVALID_POSITION", `${JSON.stringify(position.slice(0, 80))} is not a position`);
  }
  return { kind: "claimed", cursor: cursorAt(parsed) };
}

export class ChannelSubscription implements Subscription, Follower {
  readonly channel: string;
  readonly ready: Promise<SubscribedEvent>;
  place: Place;
  isPaused = false;
  readonly #feed: ChannelFeed;
  readonly #ready = Promise.withResolvers<SubscribedEvent>();
  readonly #listeners: Listeners<SubscriptionEvents>;
  readonly #mailbox = new Mailbox<Delivery>();
  readonly #maxBufferedDeliveries: number;
  /** How deliveries leave: nobody is there yet, or listeners are, or a loop is (and perhaps listeners as well). */
  #taker: "nobody" | "listeners" | "loop" = "nobody";
  #isFlushing = false;
  #isMade = false;
  #isEnded = false;
  #handedOut: string | undefined;

  constructor(feed: ChannelFeed, options: SubscribeOptions, onThrown: (thrown: unknown) => void) {
    this.#feed = feed;
    this.channel = feed.name;
    this.place = placeFor(options);
    this.#handedOut = options.position;
    this.#listeners = new Listeners(onThrown);
    this.#maxBufferedDeliveries = options.maxBufferedDeliveries ?? DEFAULT_MAX_BUFFERED_DELIVERIES;
    if (!(this.#maxBufferedDeliveries >= 1 && this.#maxBufferedDeliveries < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`maxBufferedDeliveries is ${this.#maxBufferedDeliveries}, the least is 1`);
    }
    this.ready = this.#ready.promise;
    // Who does not look at `ready` hears of a refusal from `closed` or from the loop.
    this.ready.catch(() => {});
    feed.add(this);
    this.#isMade = true;
  }

  get position(): string | undefined {
    // Records that are not for this session move the place and are never handed out.
    const isAllOut = this.#mailbox.size === 0 && "cursor" in this.place;
    return isAllOut && "cursor" in this.place ? formatPosition(this.place.cursor.position) : this.#handedOut;
  }

  on<Name extends keyof SubscriptionEvents>(
    event: Name,
    listener: (value: SubscriptionEvents[Name]) => void,
  ): Unsubscribe {
    const stop = this.#listeners.on(event, listener);
    if (DELIVERY_EVENTS.has(event) && this.#taker === "nobody") {
      this.#taker = "listeners";
      // What was held is not handed out at once: whoever adds one listener may be about to add the others.
      this.#isFlushing = this.#mailbox.size > 0;
      if (this.#isFlushing) queueMicrotask(() => this.#flush());
    }
    return stop;
  }

  unsubscribe(): void {
    this.#feed.remove(this);
    this.#mailbox.clear();
    this.closed(undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery, undefined> {
    if (this.#taker === "loop") throw new TypeError(`A loop over ${this.channel} is under way already`);
    this.#taker = "loop";
    return {
      next: () => this.#next(),
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  deliver(delivery: Delivery): void {
    if (this.#taker === "listeners" && !this.#isFlushing) {
      this.#emit(delivery);
      return;
    }
    if (this.#taker === "loop") this.#emit(delivery);
    this.#mailbox.put(delivery);
    if (this.#mailbox.size >= this.#maxBufferedDeliveries) this.#feed.pause(this);
  }

  subscribed(event: SubscribedEvent): void {
    this.#handedOut ??= event.position;
    this.#ready.resolve(event);
    if (this.#isMade) this.#listeners.emit("subscribed", event);
    // Where no request was needed: the listeners are not there yet.
    else queueMicrotask(() => this.#listeners.emit("subscribed", event));
  }

  signal(event: SignalEvent): void {
    this.#listeners.emit("signal", event);
  }

  presence(event: PresenceEvent): void {
    this.#listeners.emit("presence", event);
  }

  closed(error: ClientError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#ready.reject(
      error ?? new ClientError("CONNECTION_CLOSED", `The subscription of ${this.channel} ended`),
    );
    this.#mailbox.end(error);
    this.#listeners.emit("closed", error === undefined ? {} : { error });
  }

  async #next(): Promise<IteratorResult<Delivery, undefined>> {
    const taken = this.#mailbox.take();
    this.#resumeIfDrained();
    const result = await taken;
    if (result.done === true) return { done: true, value: undefined };
    this.#handedOut = result.value.position;
    return result;
  }

  #flush(): void {
    while (this.#taker === "listeners") {
      const delivery = this.#mailbox.takeNow();
      if (delivery === undefined) break;
      this.#emit(delivery);
    }
    this.#isFlushing = false;
    this.#resumeIfDrained();
  }

  #emit(delivery: Delivery): void {
    if (this.#taker === "listeners") this.#handedOut = delivery.position;
    this.#listeners.emit(delivery.type, delivery as never);
    this.#listeners.emit("delivery", delivery);
  }

  #resumeIfDrained(): void {
    if (!this.isPaused || this.#isEnded || this.#mailbox.size > this.#maxBufferedDeliveries / 2) return;
    this.#feed.resume(this);
  }
}
