import type { Position, ServerMessage, ServerMessageOf } from "@tachikoma/protocol";
import type { ClientError } from "../client-error.ts";
import { ChannelFeed, type FeedPorts } from "./channel-feed.ts";
import { isRecordFrame, type RecordFrame } from "./record-frame.ts";

/** Frames of channels that nobody follows yet, while the receipt that names the channel is on its way. */
const MAX_EARLY_FRAMES = 256;

/** The channels that this client follows, by name. */
export class Channels {
  readonly #ports: FeedPorts;
  readonly #feeds = new Map<string, ChannelFeed>();
  #earlyFrames: RecordFrame[] = [];
  #expectedChannelCount = 0;
  #isOnline = false;

  constructor(ports: FeedPorts) {
    this.#ports = ports;
  }

  get(name: string): ChannelFeed {
    const known = this.#feeds.get(name);
    if (known !== undefined) return known;
    this.#forgetIdle();
    const feed = new ChannelFeed(name, this.#ports);
    this.#feeds.set(name, feed);
    if (this.#isOnline) feed.goOnline();
    return feed;
  }

  has(name: string): boolean {
    return this.#feeds.get(name)?.isIdle === false;
  }

  /** True while an execution is being started whose channel is not known yet. */
  get isExpectingChannel(): boolean {
    return this.#expectedChannelCount > 0;
  }

  /** Holds the frames of unknown channels until `found` is called: they can overtake the receipt. */
  expectChannel(): { found(name: string | undefined): void } {
    this.#expectedChannelCount += 1;
    return {
      found: (name) => {
        this.#expectedChannelCount -= 1;
        const frames = this.#earlyFrames.filter((frame) => frame.channel === name);
        this.#earlyFrames =
          this.#expectedChannelCount === 0 ? [] : this.#earlyFrames.filter((frame) => frame.channel !== name);
        for (const frame of frames) this.#feeds.get(frame.channel)?.onRecord(frame);
      },
    };
  }

  /** `deliveredFrom`: where the server delivers without being asked, by channel. */
  goOnline(deliveredFrom: ReadonlyMap<string, Position>): void {
    this.#isOnline = true;
    this.#forgetIdle();
    for (const [name, feed] of this.#feeds) feed.goOnline(deliveredFrom.get(name));
  }

  goOffline(): void {
    this.#isOnline = false;
    this.#earlyFrames = [];
    for (const feed of this.#feeds.values()) feed.goOffline();
  }

  endAll(error: ClientError | undefined): void {
    for (const feed of [...this.#feeds.values()]) feed.endAll(error);
    this.#feeds.clear();
  }

  /** Takes what belongs to a channel. */
  onMessage(message: ServerMessage): void {
    if (isRecordFrame(message)) {
      this.#onRecord(message);
      return;
    }
    if (!("channel" in message) || message.channel === undefined) return;
    const feed = this.#feeds.get(message.channel);
    switch (message.type) {
      case "subscribed":
        feed?.onSubscribed(message);
        return;
      case "reset":
        feed?.onReset(message);
        return;
      case "signal":
        feed?.onSignal(message);
        return;
      case "presence":
        feed?.onPresence(message);
    }
  }

  onError({ ref }: ServerMessageOf<"error">, error: ClientError): boolean {
    if (ref === undefined) return false;
    return [...this.#feeds.values()].some((feed) => feed.onError(ref, error));
  }

  #onRecord(frame: RecordFrame): void {
    const feed = this.#feeds.get(frame.channel);
    if (feed !== undefined && !feed.isIdle) {
      feed.onRecord(frame);
    } else if (this.isExpectingChannel && this.#earlyFrames.length < MAX_EARLY_FRAMES) {
      this.#earlyFrames.push(frame);
    }
  }

  #forgetIdle(): void {
    for (const [name, feed] of this.#feeds) if (feed.isIdle) this.#feeds.delete(name);
  }
}
