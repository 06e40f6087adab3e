/** An application on our own client package: exact positions, exactly once. */
import { type Chunk, emptyMessage, foldChunks, parsePosition } from "@tachikoma/protocol";
import type { Delivery, Subscription, TachikomaClient } from "../../packages/client/src/api.ts";
import { connect } from "../../packages/client/src/client.ts";
import type { EnvironmentEvent } from "../../packages/client/src/ports.ts";
import type { Dice } from "../dice.ts";
import { chunkValue, endValue, isDelta, messageValue, restartValue, startValue } from "../record-value.ts";
import type { Actor, PresenceSeen } from "./actor.ts";
import type { ActorWorld } from "./actor-world.ts";
import { ChannelView } from "./channel-view.ts";
import { MemberList } from "./member-list.ts";
import type { ModelInput } from "./model.ts";

interface Follow {
  readonly subscription: Subscription;
  readonly view: ChannelView;
  readonly members: MemberList;
}

export class LibraryClient implements Actor {
  readonly name: string;
  readonly #world: ActorWorld;
  readonly #client: TachikomaClient;
  readonly #follows = new Map<string, Follow>();
  #environment: ((event: EnvironmentEvent) => void) | undefined;
  #opCount = 0;
  /** What was asked for and is not answered, in words. */
  readonly #pending = new Map<string, string>();
  /** What it shows of itself, by channel. */
  readonly #shown = new Map<string, { readonly state: unknown } | "unknown">();
  #connectionId: string | undefined;
  #isClosed = false;

  constructor(name: string, world: ActorWorld) {
    this.name = name;
    this.#world = world;
    const { random, recorder, timing } = world;
    const clock = world.clockOf?.(name) ?? world.clock;
    this.#client = connect("ws://sim/ws", {
      clientId: name,
      backOff: timing.backOff,
      heartbeat: timing.heartbeat,
      ports: {
        clock,
        random,
        WebSocket: world.network.webSocketFor(name),
        environment: {
          listen: (listener) => {
            this.#environment = listener;
            return () => {};
          },
        },
        reportError: (thrown) => recorder.find("client-error", `${name}: ${String(thrown)}`),
      },
    });
    this.#watch();
  }

  get isOnline(): boolean {
    return this.#client.status.state === "online";
  }

  get unanswered(): readonly string[] {
    return [...this.#pending.values()];
  }

  isSubscribed(channel: string): boolean {
    return this.#follows.has(channel);
  }

  standings(): ReadonlyMap<string, { epoch: string; seq: number }> {
    const standings = new Map<string, { epoch: string; seq: number }>();
    for (const [channel, { view }] of this.#follows)
      if (view.at !== undefined) standings.set(channel, view.at);
    return standings;
  }

  subscribe(channel: string): void {
    if (this.#follows.has(channel)) return;
    const view = new ChannelView(channel, this.name, this.#world.recorder, (id, chunks) =>
      this.#folded(id, chunks),
    );
    const since = this.#world.random.fraction() < 0.3 ? "start" : "head";
    const subscription = this.#client.channel(channel).subscribe({ since });
    const members = new MemberList();
    this.#follows.set(channel, { subscription, view, members });
    subscription.on("presence", (event) => members.take(event));
    subscription.on("subscribed", ({ position, recovered }) => {
      const at = parsePosition(position);
      if (at !== undefined && recovered && this.#follows.get(channel)?.view === view) view.begin(at);
    });
    subscription.on("delivery", (delivery) => {
      if (this.#follows.get(channel)?.view === view) this.#take(view, delivery);
    });
    subscription.on("closed", ({ error }) => {
      if (error === undefined) return;
      const isRefused = error.code === "FORBIDDEN" && this.#world.mayBeRefused?.(this.name, channel);
      if (isRefused) this.unsubscribe(channel);
      else this.#world.recorder.find("client-closed", `${this.name} ${channel}: ${error.message}`);
    });
  }

  unsubscribe(channel: string): void {
    const follow = this.#follows.get(channel);
    if (follow === undefined) return;
    this.#follows.delete(channel);
    // Its executions may still follow the channel, and it is present as long as anything does.
    if (this.#shown.has(channel)) this.#shown.set(channel, "unknown");
    follow.view.end();
    follow.subscription.unsubscribe();
  }

  present(channel: string, state: unknown): void {
    if (!this.#follows.has(channel)) return;
    this.#shown.set(channel, { state });
    this.#client.channel(channel).presence(state);
  }

  signal(channel: string, data: unknown): void {
    if (this.#follows.has(channel)) this.#client.channel(channel).signal(data);
  }

  presence(channel: string): PresenceSeen | undefined {
    const members = this.#follows.get(channel)?.members.states;
    const own = this.#shown.get(channel);
    return members === undefined && own === undefined ? undefined : { own, members: members ?? new Map() };
  }

  publish(channel: string, data: unknown): void {
    const { recorder } = this.#world;
    const op = this.#nextOp();
    const val = messageValue(data);
    recorder.write({
      kind: "pub.invoke",
      op,
      stream: `default/${channel}`,
      val,
      publisher: this.name,
      idem: val,
    });
    this.#pending.set(op, "publish");
    this.#client
      .channel(channel)
      .publish(data)
      .then(
        ({ position }) => {
          recorder.write({ kind: "pub.ok", op, stream: `default/${channel}`, ...parsePosition(position)! });
        },
        ({ code }: { code: string }) => {
          // A store that did not answer may have stored it all the same.
          if (code === "STORE_UNAVAILABLE" || code === "INTERNAL") recorder.write({ kind: "pub.info", op });
          else recorder.write({ kind: "pub.fail", op, code });
        },
      )
      .finally(() => this.#pending.delete(op));
  }

  execute(channel: string | undefined, input: ModelInput, dice: Dice): void {
    const onUnwatched = dice.pick(["keep", "cancel", { cancelAfter: dice.between(1, 5) }] as const);
    const options = dice.chance(0.7) ? {} : { onUnwatched };
    const execution =
      channel === undefined
        ? this.#client.execute("model", input, options)
        : this.#client.channel(channel).execute("model", input, options);
    const op = this.#nextOp();
    // Where little is kept, the end can be gone before it was read.
    const isEndKept = channel === undefined || channel.startsWith("chat:");
    if (isEndKept) this.#pending.set(op, `execute in ${channel}`);
    const chunks: Chunk[] = [];
    execution.on("chunk", (chunk) => chunks.push(chunk));
    execution.on("started", () => chunks.splice(0));
    execution.on("reset", () => chunks.splice(0));
    execution.on("restarted", () => chunks.splice(0));
    let id: string | undefined;
    execution.id.then(
      (known) => {
        id = known;
        if (this.#pending.has(op)) this.#pending.set(op, `execute ${id} in ${channel}`);
        this.#world.executionIds.push(known);
      },
      () => {},
    );
    execution.ended
      .then(
        () => execution.text.then(() => id !== undefined && this.#folded(id, chunks)),
        (error: { code: string }) =>
          this.#world.recorder.write({ kind: "call.fail", call: `execute ${this.name}`, code: error.code }),
      )
      // The text of an execution whose beginning is gone cannot be known.
      .catch(() => {})
      .finally(() => this.#pending.delete(op));
  }

  cancel(dice: Dice): void {
    const { executionIds } = this.#world;
    if (executionIds.length > 0) this.cancelOne(dice.pick(executionIds.slice(-6)));
  }

  cancelOne(gen: string): void {
    const { recorder, cancels } = this.#world;
    const op = this.#nextOp();
    recorder.write({ kind: "cancel.invoke", op, gen });
    const watched = {
      op,
      gen,
      acceptedAtMs: undefined as number | undefined,
      status: undefined as string | undefined,
    };
    cancels.push(watched);
    this.#pending.set(op, `cancel ${gen}`);
    this.#client
      .execution(gen)
      .cancel({
        onAccepted: () => {
          watched.acceptedAtMs = this.#world.clock.monotonicMs();
        },
      })
      .then(
        ({ status, error }) => {
          watched.status = status;
          recorder.note(`${op} cancel ${gen} ${status} ${error?.code ?? ""}`);
        },
        (error: { code: string }) => recorder.write({ kind: "call.fail", call: "cancel", code: error.code }),
      )
      .finally(() => this.#pending.delete(op));
  }

  input(dice: Dice): void {
    const { executionIds, recorder } = this.#world;
    if (executionIds.length === 0) return;
    const gen = dice.pick(executionIds.slice(-6));
    const op = this.#nextOp();
    this.#pending.set(op, `input ${gen}`);
    this.#client
      .execution(gen)
      .input({ steer: op })
      .then(
        ({ status }) => recorder.note(`${op} input ${gen} ${status}`),
        (error: { code: string }) => recorder.write({ kind: "call.fail", call: "input", code: error.code }),
      )
      .finally(() => this.#pending.delete(op));
  }

  fidget(dice: Dice): void {
    const what = dice.pick(["drop", "visible", "offline", "online", "disconnect", "connect"] as const);
    this.#world.recorder.note(`${this.name} ${what}`);
    if (what === "drop") this.#client.dropConnection();
    else if (what === "disconnect") this.#client.disconnect();
    else if (what === "connect") this.#client.connect();
    else this.#environment?.(what);
  }

  /** The end of all trouble: whoever went offline comes back. */
  heal(): void {
    this.#environment?.("online");
    this.#client.connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  #watch(): void {
    const { recorder } = this.#world;
    this.#client.on("session", ({ sessionId, connectionId, resumed, reason }) => {
      this.#leave();
      this.#connectionId = connectionId;
      recorder.write({ kind: "conn", session: this.name, conn: connectionId, tenant: "default" });
      recorder.note(`${this.name} session ${sessionId} ${resumed} ${reason ?? ""}`);
      if (reason !== undefined) recorder.find("session-lost", `${this.name} lost its session: ${reason}`);
    });
    this.#client.on("status", ({ state }) => {
      recorder.note(`${this.name} is ${state}`);
      if (state !== "online") this.#leave();
      if (state === "closed" && !this.#isClosed)
        recorder.find("client-closed", `${this.name} was closed for good`);
    });
    this.#client.on("error", (error) => {
      recorder.note(`${this.name} error ${error.message}`);
      if (/again and again|cannot be|readable/.test(error.message))
        recorder.find("client-error", error.message);
    });
  }

  #leave(): void {
    const conn = this.#connectionId;
    this.#connectionId = undefined;
    if (conn !== undefined)
      this.#world.recorder.write({ kind: "close", session: this.name, conn, code: 1000 });
  }

  #take(view: ChannelView, delivery: Delivery): void {
    const at = parsePosition(delivery.position)!;
    const conn = this.#connectionId ?? "none";
    switch (delivery.type) {
      case "reset":
        return view.reset(delivery.reason, at);
      case "message":
        return view.apply(conn, at, messageValue(delivery.data), false);
      case "started":
        view.apply(conn, at, startValue(delivery.executionId), false);
        return view.started(delivery.executionId);
      case "restarted":
        view.apply(conn, at, restartValue(delivery.executionId, delivery.attempt), false);
        return view.restarted(delivery.executionId);
      case "chunk":
        view.apply(conn, at, chunkValue(delivery.executionId, delivery.chunk), isDelta(delivery.chunk));
        return view.chunk(delivery.executionId, delivery.chunk);
      case "ended":
        view.apply(conn, at, endValue(delivery.executionId, delivery.outcome), false);
        return view.ended(delivery.executionId);
    }
  }

  #folded(executionId: string, chunks: readonly Chunk[]): void {
    this.#world.folds.push({ reader: this.name, executionId, message: foldChunks(emptyMessage(), chunks) });
  }

  #nextOp(): string {
    this.#opCount += 1;
    return `${this.name}/${this.#opCount}`;
  }
}
