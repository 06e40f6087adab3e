/**
 * A client in any language that knows little: it keeps its session id, answers pings, and drops what it has seen by `seq`. It
 * holds no positions of its own, so where it goes on after a reconnect is what the server holds confirmed.
 */
import {
  type ClientMessage,
  decodeServerMessage,
  encodeMessage,
  formatPosition,
  parsePosition,
  RESERVED_PREFIX,
  type ServerMessage,
  type ServerMessageOf,
} from "@tachikoma/protocol";
import type { RecordFrame } from "../../packages/client/src/channel/record-frame.ts";
import { isRecordFrame } from "../../packages/client/src/channel/record-frame.ts";
import type { Timer } from "../../packages/server/src/core/ports.ts";
import type { Dice } from "../dice.ts";
import { messageValue } from "../record-value.ts";
import type { Actor } from "./actor.ts";
import type { ActorSocket, ActorWorld } from "./actor-world.ts";
import type { ModelInput } from "./model.ts";
import { PlainView } from "./plain-view.ts";

/** Where permissions change, being told so is one of them; what came through all the same is for the checker to find. */
const EXPECTED_ERRORS: readonly string[] = ["NOT_SUBSCRIBED", "STORE_UNAVAILABLE", "FORBIDDEN"];

export class PlainClient implements Actor {
  readonly name: string;
  readonly #world: ActorWorld;
  readonly #views = new Map<string, PlainView>();
  readonly #pendingPublishes = new Map<string, string>();
  #socket: ActorSocket | undefined;
  #sessionId: string | undefined;
  #connectionId: string | undefined;
  #opCount = 0;
  #silence: Timer | undefined;
  #isClosed = false;

  constructor(name: string, world: ActorWorld) {
    this.name = name;
    this.#world = world;
    this.#open();
  }

  get isOnline(): boolean {
    return this.#connectionId !== undefined;
  }

  get unanswered(): readonly string[] {
    return [...this.#pendingPublishes.keys()];
  }

  isSubscribed(channel: string): boolean {
    return this.#views.has(channel);
  }

  standings(): ReadonlyMap<string, { epoch: string; seq: number }> {
    const standings = new Map<string, { epoch: string; seq: number }>();
    for (const [channel, view] of this.#views) if (view.at !== undefined) standings.set(channel, view.at);
    return standings;
  }

  subscribe(channel: string): void {
    if (this.#views.has(channel)) return;
    this.#views.set(channel, new PlainView(channel, this.name, this.#world));
    this.#ask(channel);
  }

  unsubscribe(channel: string): void {
    const view = this.#views.get(channel);
    if (view === undefined) return;
    this.#views.delete(channel);
    if (view.at !== undefined) view.end();
    this.#send({ type: "unsubscribe", id: this.#nextOp(), channel });
  }

  publish(channel: string, data: unknown): void {
    if (!this.isOnline) return;
    const id = this.#nextOp();
    const val = messageValue(data);
    const stream = `default/${channel}`;
    this.#world.recorder.write({ kind: "pub.invoke", op: id, stream, val, publisher: this.name, idem: val });
    this.#pendingPublishes.set(id, stream);
    this.#send({ type: "publish", id, channel, data });
  }

  execute(channel: string | undefined, input: ModelInput): void {
    // On a channel that it does not follow it would be subscribed, and it could not tell from where.
    if (channel === undefined || !this.#views.has(channel)) return;
    this.#send({ type: "execute", id: this.#nextOp(), handler: "model", channel, input });
  }

  cancel(dice: Dice): void {
    const { executionIds } = this.#world;
    if (executionIds.length > 0)
      this.#send({ type: "cancel", id: this.#nextOp(), executionId: dice.pick(executionIds.slice(-6)) });
  }

  input(dice: Dice): void {
    const { executionIds } = this.#world;
    if (executionIds.length === 0) return;
    const executionId = dice.pick(executionIds.slice(-6));
    this.#send({ type: "input", id: this.#nextOp(), executionId, data: { from: this.name } });
  }

  fidget(dice: Dice): void {
    if (dice.chance(0.3)) this.#hop();
    else this.#acknowledge();
  }

  /** Is back, perhaps elsewhere, before whoever has the old connection hears that it is over. */
  #hop(): void {
    if (!this.isOnline) return;
    this.#world.recorder.note(`${this.name} hops`);
    this.#socket?.close(1000);
    this.#leave();
    this.#open();
  }

  /** Some plain clients also say what they have. */
  #acknowledge(): void {
    const positions: Record<string, string> = {};
    for (const [channel, { at }] of this.#views)
      if (at !== undefined) positions[channel] = formatPosition(at);
    if (Object.keys(positions).length > 0) this.#send({ type: "ack", positions });
  }

  heal(): void {}

  close(): void {
    this.#isClosed = true;
    this.#socket?.close(1000);
  }

  #open(): void {
    const WebSocket = this.#world.network.webSocketFor(this.name);
    const session = this.#sessionId === undefined ? "" : `&session_id=${this.#sessionId}`;
    const socket = new WebSocket(`ws://sim/ws?client_id=${this.name}${session}`);
    this.#socket = socket;
    socket.onmessage = ({ data }: { data: string }) => {
      // What was under way on one that was given up may still arrive.
      if (this.#socket === socket) this.#received(data);
    };
    socket.onclose = () => this.#lost(socket);
    socket.onping = () => this.#listen(socket);
    this.#listen(socket);
  }

  #listen(socket: ActorSocket): void {
    this.#silence?.cancel();
    this.#silence = this.#world.clock.setTimer(this.#world.timing.plainSilenceMs, () => {
      if (this.#socket !== socket) return;
      socket.close(1000);
      this.#lost(socket);
    });
  }

  #lost(socket: ActorSocket): void {
    if (this.#socket !== socket) return;
    this.#leave();
    const { clock, timing } = this.#world;
    if (!this.#isClosed) clock.setTimer(timing.plainReconnectMs, () => this.#isClosed || this.#open());
  }

  #leave(): void {
    this.#socket = undefined;
    this.#silence?.cancel();
    const { recorder } = this.#world;
    if (this.#connectionId !== undefined)
      recorder.write({ kind: "close", session: this.name, conn: this.#connectionId, code: 1000 });
    this.#connectionId = undefined;
    for (const op of this.#pendingPublishes.keys()) recorder.write({ kind: "pub.info", op });
    this.#pendingPublishes.clear();
  }

  #received(text: string): void {
    const message = decodeServerMessage(text);
    if (message === undefined || this.#socket === undefined) return;
    this.#listen(this.#socket);
    if (message.type === "welcome") return this.#welcomed(message);
    if (this.#connectionId === undefined)
      return this.#world.recorder.find(
        "before-welcome",
        `${this.name} got ${message.type} before its welcome`,
      );
    if (isRecordFrame(message))
      return this.#views.get(message.channel)?.take(message as RecordFrame, this.#connectionId);
    this.#answered(message);
  }

  #answered(message: ServerMessage): void {
    const { recorder } = this.#world;
    switch (message.type) {
      case "subscribed":
        return this.#views.get(message.channel)?.subscribed(message.ref, parsePosition(message.position)!);
      case "reset":
        return this.#views.get(message.channel)?.reset(message.reason, parsePosition(message.position)!);
      case "receipt":
        if (
          message.executionId !== undefined &&
          message.status === "accepted" &&
          message.position === undefined
        )
          recorder.note(`${this.name} ${message.ref} accepted ${message.executionId}`);
        return this.#published(message);
      case "error":
        recorder.note(`${this.name} error ${message.code}`);
        if (!EXPECTED_ERRORS.includes(message.code))
          recorder.find("client-error", `${this.name} was told ${message.code} ${message.message}`);
        return;
      default:
        return;
    }
  }

  #published({ ref: op, status, position, error }: ServerMessageOf<"receipt">): void {
    const stream = this.#pendingPublishes.get(op);
    if (stream === undefined) return;
    this.#pendingPublishes.delete(op);
    const { recorder } = this.#world;
    if (status === "applied") recorder.write({ kind: "pub.ok", op, stream, ...parsePosition(position!)! });
    // A store that did not answer may have stored it all the same.
    else if (error?.code === "STORE_UNAVAILABLE" || error?.code === "INTERNAL")
      recorder.write({ kind: "pub.info", op });
    else recorder.write({ kind: "pub.fail", op, code: error?.code ?? "NONE" });
  }

  #welcomed({ sessionId, connectionId, resumed, reason, subscriptions }: ServerMessageOf<"welcome">): void {
    const { recorder } = this.#world;
    if (this.#sessionId !== undefined && !resumed) {
      recorder.find("session-lost", `${this.name} lost its session: ${reason}`);
      this.#startOver();
    }
    this.#sessionId = sessionId;
    this.#connectionId = connectionId;
    recorder.write({ kind: "conn", session: this.name, conn: connectionId, tenant: "default" });
    const held = new Map(subscriptions.map((one) => [one.channel, one]));
    for (const [channel, view] of this.#views) {
      const restored = held.get(channel);
      const position = restored?.position === undefined ? undefined : parsePosition(restored.position);
      if (position !== undefined) view.restored(position, restored!.recovered);
      else if (view.at === undefined) this.#ask(channel);
      else if (this.#world.mayBeRefused?.(this.name, channel) === true) {
        view.end();
        this.#views.delete(channel);
      } else {
        recorder.find("subscription-lost", `${this.name} is not subscribed to ${channel} any more`);
        this.#beginAnew(channel, view);
        this.#ask(channel);
      }
    }
    for (const channel of held.keys()) {
      if (this.#views.has(channel) || channel.startsWith(RESERVED_PREFIX)) continue;
      this.#send({ type: "unsubscribe", id: this.#nextOp(), channel });
    }
  }

  /** Without a session nothing that it holds leads on. */
  #startOver(): void {
    for (const [channel, view] of this.#views) this.#beginAnew(channel, view);
  }

  #beginAnew(channel: string, view: PlainView): void {
    if (view.at !== undefined) view.end();
    this.#views.set(channel, new PlainView(channel, this.name, this.#world));
  }

  #ask(channel: string): void {
    const id = this.#nextOp();
    this.#views.get(channel)!.askedWith = id;
    this.#send({ type: "subscribe", id, channel });
  }

  #send(message: ClientMessage): void {
    if (this.isOnline) this.#socket?.send(encodeMessage(message));
  }

  #nextOp(): string {
    this.#opCount += 1;
    return `${this.name}/${this.#opCount}`;
  }
}
