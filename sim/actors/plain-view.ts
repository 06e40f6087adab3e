import { emptyMessage, foldChunks, type Position } from "@tachikoma/protocol";
import {
  deliveryOf,
  type RecordFrame,
  spanOf,
  withoutChars,
} from "../../packages/client/src/channel/record-frame.ts";
import { chunkValue, endValue, isDelta, messageValue, restartValue, startValue } from "../record-value.ts";
import type { ActorWorld } from "./actor-world.ts";
import { ChannelView } from "./channel-view.ts";

/**
 * What a plain client makes of one channel. After a reconnect it is sent again what it has not confirmed, perhaps merged with
 * what is new, and cut into other frames. What is sent again begins where an earlier frame ended, so the characters that it has
 * from there on are known, and as many of what comes are dropped.
 */
export class PlainView {
  askedWith: string | undefined;
  readonly #view: ChannelView;
  readonly #world: ActorWorld;
  readonly #name: string;
  #isBegun = false;
  /** Where each delta ended that was applied, and its length. */
  readonly #deltas: { readonly lastSeq: number; readonly charCount: number }[] = [];
  /** Characters of deltas behind the place of the last resume: had before it, and sent again since. */
  #knownChars = 0;
  #resentChars = 0;
  #isResetDue = false;

  constructor(channel: string, name: string, world: ActorWorld) {
    this.#world = world;
    this.#name = name;
    this.#view = new ChannelView(channel, name, world.recorder, (executionId, chunks) => {
      world.folds.push({ reader: name, executionId, message: foldChunks(emptyMessage(), chunks) });
    });
  }

  get at(): Position | undefined {
    return this.#view.at;
  }

  subscribed(ref: string | undefined, at: Position): void {
    if (ref !== this.askedWith || this.#isBegun) return;
    this.#isBegun = true;
    this.#view.begin(at);
  }

  /** The session brought it back; a `reset` follows where it could not go on. */
  restored(at: Position, isRecovered: boolean): void {
    this.#resentChars = 0;
    this.#knownChars = this.#deltas
      .filter(({ lastSeq }) => lastSeq > at.seq)
      .reduce((sum, { charCount }) => sum + charCount, 0);
    this.#isResetDue = !isRecovered;
    if (this.#isBegun || !isRecovered) return;
    this.#isBegun = true;
    this.#view.begin(at);
  }

  reset(reason: string, to: Position): void {
    // One of the subscription before this one.
    if (!this.#isBegun && !this.#isResetDue) return;
    this.#isBegun = true;
    this.#deltas.length = 0;
    this.#knownChars = 0;
    this.#view.reset(reason, to);
  }

  end(): void {
    this.#view.end();
  }

  take(frame: RecordFrame, conn: string): void {
    const span = spanOf(frame);
    const at = this.#view.at;
    if (!this.#isBegun || span === undefined || at === undefined) return;
    const { last, firstSeq } = span;
    const charCount = span.content.kind === "delta" ? span.content.run.charCount : 0;
    const skipChars = Math.min(charCount, Math.max(0, this.#knownChars - this.#resentChars));
    this.#resentChars += charCount;
    if (last.epoch === at.epoch && last.seq <= at.seq) return;
    const isOverlap = last.epoch === at.epoch && firstSeq <= at.seq;
    if (isOverlap && charCount === 0)
      this.#world.recorder.find("overlap", `${this.#name} got ${firstSeq}-${last.seq} at ${at.seq}`);
    const rest = isOverlap && skipChars > 0 ? withoutChars(frame, skipChars) : frame;
    // A jump within one epoch: what is applied then is the checker's business.
    this.#apply(rest, last, conn, firstSeq > at.seq + 1);
    if (charCount > 0)
      this.#deltas.push({ lastSeq: last.seq, charCount: charCount - (isOverlap ? skipChars : 0) });
  }

  #apply(frame: RecordFrame, last: Position, conn: string, isJump: boolean): void {
    const view = this.#view;
    const delivery = deliveryOf(frame);
    if (delivery === undefined) return;
    switch (delivery.type) {
      case "message":
        return view.apply(conn, last, messageValue(delivery.data), false);
      case "started":
        view.apply(conn, last, startValue(delivery.executionId), false);
        return view.started(delivery.executionId);
      case "restarted":
        view.apply(conn, last, restartValue(delivery.executionId, delivery.attempt), false);
        return view.restarted(delivery.executionId);
      case "chunk":
        view.apply(
          conn,
          last,
          chunkValue(delivery.executionId, delivery.chunk),
          isDelta(delivery.chunk) && !isJump,
        );
        return view.chunk(delivery.executionId, delivery.chunk);
      case "ended":
        view.apply(conn, last, endValue(delivery.executionId, delivery.outcome), false);
        return view.ended(delivery.executionId);
    }
  }
}
