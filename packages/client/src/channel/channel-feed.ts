/**
 * One channel as this client follows it: one subscription on the wire, any number of local readers ("followers"), each with
 * its own cursor.
 *
 *     offline --welcome--> none --ask--> asking --subscribed--> live
 *                                          ^           \--not recovered--> resetting --reset--> live
 *                                          +---- somebody is behind the stream, or new ----------+
 *
 * At most one request is under way; when its answer is there, `decideAsk` says whether another is needed. Only the answer
 * to that request counts, so an answer to an older one cannot move anything.
 */

import {
  type ClientMessage,
  formatPosition,
  isSamePosition,
  type Position,
  type PresenceMember,
  parsePosition,
  type ServerMessageOf,
} from "@tachikoma/protocol";
import { type ClientError, PASSING_CODES } from "../client-error.ts";
import { type Ask, decideAsk, isResetBy } from "./ask-decision.ts";
import { advance, type Cursor, cursorAt, judge, type Span } from "./channel-cursor.ts";
import type { Follower } from "./follower.ts";
import { deliveryOf, type RecordFrame, spanOf, withoutChars } from "./record-frame.ts";

export interface FeedPorts {
  send(message: ClientMessage): void;
  nextId(): string;
  /** The connection says things that cannot be. */
  distrust(reason: string): void;
}

type Wire =
  | { readonly kind: "offline" | "none" | "live" }
  | { readonly kind: "asking"; readonly ref: string; readonly ask: Ask }
  | { readonly kind: "resetting"; readonly asked: Position | undefined };

/** Requests in a row, beyond one for each follower, that brought nobody forward. */
const MAX_FRUITLESS_ASKS = 8;

export class ChannelFeed {
  readonly name: string;
  readonly #ports: FeedPorts;
  readonly #followers = new Set<Follower>();
  #wire: Wire = { kind: "offline" };
  /** The end of what the server has sent. */
  #stream: Cursor | undefined;
  #isVisiting = false;
  #fruitlessAskCount = 0;
  #presence: { readonly state: unknown; isSaid: boolean } | undefined;
  /** Who is present, as far as the server has said it; it says the whole list to the first follower only. */
  readonly #members = new Map<string, PresenceMember>();

  constructor(name: string, ports: FeedPorts) {
    this.name = name;
    this.#ports = ports;
  }

  get isIdle(): boolean {
    const isQuiet = this.#wire.kind === "none" || this.#wire.kind === "offline";
    return isQuiet && this.#followers.size === 0 && this.#presence === undefined;
  }

  get followers(): readonly Follower[] {
    return [...this.#followers];
  }

  /** `deliveredFrom`: the server has begun to deliver from there without being asked. */
  add(follower: Follower, deliveredFrom?: Position): void {
    this.#followers.add(follower);
    // Later, when it has listeners; whatever changes until then is in the list.
    if (this.#members.size > 0) queueMicrotask(() => this.#tellMembers(follower));
    if (deliveredFrom !== undefined && this.#wire.kind === "none") this.#goLive(cursorAt(deliveredFrom));
    this.#update();
    const isHeadAsked =
      this.#wire.kind === "offline" || (this.#wire.kind === "asking" && this.#wire.ask.kind === "head");
    // Another request is under way: this one's turn comes after whatever is sent next.
    if (follower.place.kind === "head" && !isHeadAsked) follower.headLost?.();
  }

  remove(follower: Follower): void {
    if (!this.#followers.delete(follower)) return;
    if (this.#followers.size === 0) {
      this.#presence = undefined;
      this.#members.clear();
    }
    this.#update();
  }

  /** The follower takes nothing more until it is resumed; then it goes on from where it stands. */
  pause(follower: Follower): void {
    follower.isPaused = true;
    if (follower.place.kind === "placed") follower.place = { kind: "claimed", cursor: follower.place.cursor };
    this.#update();
  }

  resume(follower: Follower): void {
    follower.isPaused = false;
    this.#update();
  }

  setPresence(state: unknown): void {
    this.#presence = { state, isSaid: false };
    this.#sayPresence();
  }

  /** `deliveredFrom`: the server delivers from there without being asked. */
  goOnline(deliveredFrom?: Position): void {
    this.#wire = { kind: "none" };
    if (deliveredFrom !== undefined) this.#goLive(cursorAt(deliveredFrom));
    this.#update();
  }

  goOffline(): void {
    this.#wire = { kind: "offline" };
    this.#stream = undefined;
    this.#fruitlessAskCount = 0;
    if (this.#presence !== undefined) this.#presence.isSaid = false;
    for (const follower of this.#followers) {
      const { place } = follower;
      if (place.kind === "placed") follower.place = { kind: "claimed", cursor: place.cursor };
      if (place.kind === "head") follower.headLost?.();
    }
  }

  endAll(error: ClientError | undefined): void {
    const followers = [...this.#followers];
    this.#followers.clear();
    this.#presence = undefined;
    for (const follower of followers) follower.closed(error);
    this.#update();
  }

  onSubscribed(message: ServerMessageOf<"subscribed">): void {
    if (this.#wire.kind !== "asking" || this.#wire.ref !== message.ref) return;
    const { ask } = this.#wire;
    const answered = parsePosition(message.position);
    if (answered === undefined) {
      this.#ports.distrust("subscribed without a readable position");
      return;
    }
    const { position, recovered, initialState } = message;
    // What is recovered goes on right after the position that was asked.
    const from = recovered && ask.kind === "position" ? ask.position : answered;
    const meant = [...this.#followers].filter((follower) => isMeant(follower, ask));
    const stream = this.#cursorFrom(from);
    if (recovered) {
      this.#goLive(stream);
      for (const follower of meant) follower.place = { kind: "placed", cursor: cursorOf(follower) ?? stream };
    } else {
      this.#stream = stream;
      this.#wire = { kind: "resetting", asked: ask.kind === "position" ? ask.position : undefined };
    }
    this.#sayPresence();
    const event = { position, recovered, ...(initialState !== undefined && { initialState }) };
    this.#inOneGo(meant, (follower) => follower.subscribed?.(event));
  }

  onReset(message: ServerMessageOf<"reset">): void {
    if (this.#wire.kind === "offline" || this.#wire.kind === "none") return;
    const to = parsePosition(message.position);
    if (to === undefined) {
      this.#ports.distrust("reset without a readable position");
      return;
    }
    const { reason, position, channel } = message;
    const asked = this.#wire.kind === "resetting" ? this.#wire.asked : undefined;
    if (this.#wire.kind === "resetting") this.#wire = { kind: "live" };
    this.#stream = cursorAt(to);
    this.#inOneGo([...this.#followers], (follower) => {
      const at = cursorOf(follower)?.position;
      if (at === undefined || follower.isPaused || !isResetBy(at, { reason, to, asked })) return;
      follower.place = { kind: "placed", cursor: cursorAt(to) };
      follower.deliver({ type: "reset", channel, position, reason });
    });
  }

  onRecord(frame: RecordFrame): void {
    if (this.#wire.kind === "offline" || this.#wire.kind === "none") return;
    const span = spanOf(frame);
    if (span === undefined) {
      this.#ports.distrust(`${frame.type} without a readable position`);
      return;
    }
    const before = this.#stream;
    this.#stream = advance(before, span);
    this.#inOneGo([...this.#followers], (follower) => this.#offer(follower, frame, span, before));
  }

  onSignal(message: ServerMessageOf<"signal">): void {
    const { data, sender } = message;
    const event = { data, ...(sender !== undefined && { sender }) };
    for (const follower of [...this.#followers]) follower.signal?.(event);
  }

  onPresence({ event, members }: ServerMessageOf<"presence">): void {
    if (event === "members") this.#members.clear();
    for (const member of members) {
      if (event === "leave") this.#members.delete(member.clientId);
      else this.#members.set(member.clientId, member);
    }
    for (const follower of [...this.#followers]) follower.presence?.({ event, members });
  }

  #tellMembers(follower: Follower): void {
    if (this.#followers.has(follower))
      follower.presence?.({ event: "members", members: [...this.#members.values()] });
  }

  /** True when the error was the answer to this channel's request. */
  onError(ref: string, error: ClientError): boolean {
    if (this.#wire.kind !== "asking" || this.#wire.ref !== ref) return false;
    this.#wire = { kind: "none" };
    this.#stream = undefined;
    // What may pass is tried again, with a new connection and its growing delays.
    if (PASSING_CODES.includes(error.code)) this.#ports.distrust(error.message);
    else this.endAll(error);
    return true;
  }

  #offer(follower: Follower, frame: RecordFrame, span: Span, before: Cursor | undefined): void {
    const { place } = follower;
    if (follower.isPaused || place.kind !== "placed") return;
    const verdict = judge(place.cursor, span, before);
    if (verdict.kind === "duplicate") return;
    if (verdict.kind === "reread") {
      follower.place = { kind: "claimed", cursor: place.cursor };
      return;
    }
    this.#fruitlessAskCount = 0;
    const skipChars = verdict.kind === "trim" ? verdict.skipChars : 0;
    // Before the record is handed over: whatever its handler does starts from behind it.
    follower.place = { kind: "placed", cursor: advance(place.cursor, span, skipChars) };
    const delivery = deliveryOf(skipChars > 0 ? withoutChars(frame, skipChars) : frame);
    if (delivery !== undefined) follower.deliver(delivery);
  }

  /** Handlers may do anything with the channel meanwhile; what follows from it is decided when all have had their turn. */
  #inOneGo(followers: readonly Follower[], visit: (follower: Follower) => void): void {
    this.#isVisiting = true;
    for (const follower of followers) if (this.#followers.has(follower)) visit(follower);
    this.#isVisiting = false;
    this.#update();
  }

  #goLive(stream: Cursor): void {
    this.#wire = { kind: "live" };
    this.#stream = stream;
  }

  #update(): void {
    const { kind } = this.#wire;
    if (this.#isVisiting || (kind !== "none" && kind !== "live")) return;
    const active = [...this.#followers].filter((follower) => !follower.isPaused);
    if (active.length === 0) {
      if (kind === "live") this.#leave();
      return;
    }
    const placed = kind === "live" ? this.#placeAtStream(active) : [];
    if (placed.length > 0 && this.#stream !== undefined) {
      const position = formatPosition(this.#stream.position);
      this.#inOneGo(placed, (follower) => follower.subscribed?.({ position, recovered: true }));
      return;
    }
    const places = active.map((follower) => follower.place);
    const ask = decideAsk(places, this.#stream?.position);
    if (ask !== undefined) this.#ask(ask, active.length);
  }

  /** Who stands exactly where the stream stands needs no request. */
  #placeAtStream(followers: readonly Follower[]): Follower[] {
    const stream = this.#stream;
    if (stream === undefined) return [];
    const there = followers.filter(({ place }) => {
      if (place.kind === "start") return stream.position.seq === 0;
      return place.kind === "claimed" && isSamePosition(place.cursor.position, stream.position);
    });
    for (const follower of there) {
      follower.place = { kind: "placed", cursor: cursorOf(follower) ?? stream };
    }
    return there;
  }

  #ask(ask: Ask, followerCount: number): void {
    this.#fruitlessAskCount += 1;
    if (this.#fruitlessAskCount > MAX_FRUITLESS_ASKS + followerCount) {
      this.#fruitlessAskCount = 0;
      this.#ports.distrust(`${this.name} was read again and again without getting on`);
      return;
    }
    const id = this.#ports.nextId();
    this.#wire = { kind: "asking", ref: id, ask };
    const where = ask.kind === "position" ? { position: formatPosition(ask.position) } : { since: ask.kind };
    this.#ports.send({ type: "subscribe", id, channel: this.name, ...where });
  }

  #leave(): void {
    this.#wire = { kind: "none" };
    this.#stream = undefined;
    // Leaving the channel also leaves its members.
    if (this.#presence !== undefined) this.#presence.isSaid = false;
    this.#ports.send({ type: "unsubscribe", id: this.#ports.nextId(), channel: this.name });
  }

  #sayPresence(): void {
    if (this.#presence === undefined || this.#presence.isSaid) return;
    if (this.#wire.kind !== "live" && this.#wire.kind !== "resetting") return;
    this.#presence.isSaid = true;
    const id = this.#ports.nextId();
    this.#ports.send({ type: "presence", id, channel: this.name, state: this.#presence.state });
  }

  /** The ruler of a follower that stands exactly there is the stream's too. */
  #cursorFrom(position: Position): Cursor {
    for (const follower of this.#followers) {
      const cursor = cursorOf(follower);
      if (cursor?.run !== undefined && isSamePosition(cursor.position, position)) return cursor;
    }
    return cursorAt(position);
  }
}

function cursorOf({ place }: Follower): Cursor | undefined {
  return "cursor" in place ? place.cursor : undefined;
}

function isMeant({ place, isPaused }: Follower, ask: Ask): boolean {
  if (isPaused) return false;
  if (ask.kind !== "position") return place.kind === ask.kind;
  return place.kind === "claimed" && isSamePosition(place.cursor.position, ask.position);
}
