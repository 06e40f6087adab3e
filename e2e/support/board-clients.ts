/**
 * Who watches the server while it is killed: users of our client, which publish, run executions and resume by themselves, and
 * plain WebSockets that keep nothing but the id of their session. Both write down what an application would have seen.
 */
import { type Channel, connect, type Execution, type TachikomaClient } from "@tachikoma/client";
import { parsePosition } from "@tachikoma/protocol";
import { WebSocket } from "ws";
import type { HistoryRecord } from "../../sim/history/history-record.ts";

export const BOARD = "board:1";
export const RUNS = "runs:1";
export const TENANT = "default";

/** What happened, on one clock, for the checker of histories. */
export class Recorder {
  readonly records: HistoryRecord[] = [];

  /** Time is put in here, so that the order of the records is the order of their times. */
  add(record: DistributiveOmit<HistoryRecord, "timeMs">): void {
    this.records.push({ timeMs: performance.now(), ...record } as HistoryRecord);
  }
}

type DistributiveOmit<Type, Key extends PropertyKey> = Type extends unknown ? Omit<Type, Key> : never;

/** What one watcher has seen in the end. */
export interface Watcher {
  readonly name: string;
  /** Seq of the last message of the board. */
  readonly boardSeq: number;
  boardValues(): readonly string[];
  runText(executionId: string): string;
  runEnds(executionId: string): readonly string[];
  /** What must never happen to it. */
  readonly faults: readonly string[];
}

export interface StartedRun {
  readonly id: string;
  readonly channel: string;
  readonly execution: Execution;
}

export class BoardUser implements Watcher {
  readonly name: string;
  readonly client: TachikomaClient;
  readonly faults: string[] = [];
  readonly runs: StartedRun[] = [];
  boardSeq = 0;
  publishCount = 0;
  chunkCount = 0;
  readonly #recorder: Recorder;
  readonly #board: Channel;
  readonly #values: string[] = [];
  readonly #texts = new Map<string, string>();
  readonly #ends = new Map<string, string[]>();

  constructor(url: string, name: string, recorder: Recorder) {
    this.name = name;
    this.#recorder = recorder;
    this.client = connect(url, {
      clientId: name,
      backOff: { baseDelayMs: 50, maxDelayMs: 250 },
    });
    this.client.on("error", (error) => this.faults.push(`error: ${error.message}`));
    this.client.on("session", ({ reason }) => {
      if (reason !== undefined) this.faults.push(`session not resumed: ${reason}`);
    });
    this.#board = this.client.channel(BOARD);
  }

  /** Follows both channels from their start; resolves when the server has confirmed it. */
  async watch(): Promise<void> {
    const board = this.#board.subscribe({ since: "start" });
    const runs = this.client.channel(RUNS).subscribe({ since: "start" });
    board.on("delivery", (delivery) => {
      const place = parsePosition(delivery.position)!;
      if (delivery.type !== "message") {
        this.faults.push(`${delivery.type} on the board`);
        return;
      }
      this.boardSeq = place.seq;
      this.#values.push(String(delivery.data));
      this.#recorder.add({
        kind: "apply",
        session: this.name,
        conn: this.name,
        stream: `${TENANT}/${BOARD}`,
        ...place,
        val: String(delivery.data),
      });
    });
    runs.on("delivery", (delivery) => {
      if (delivery.type === "reset" || delivery.type === "message") {
        this.faults.push(`${delivery.type} on ${RUNS}`);
      } else if (delivery.type === "chunk") {
        this.chunkCount += 1;
        addText(this.#texts, delivery.executionId, delivery.chunk);
      } else if (delivery.type === "ended") {
        addEnd(this.#ends, delivery.executionId, delivery.outcome);
      }
    });
    const { position } = await board.ready;
    const { epoch, seq } = parsePosition(position)!;
    this.#recorder.add({ kind: "sub", session: this.name, stream: `${TENANT}/${BOARD}`, epoch, seq });
    await runs.ready;
  }

  /** Publishes one unique value and waits until it is acknowledged, however many crashes that takes. */
  async publish(): Promise<void> {
    const val = `${this.name}/${this.publishCount}`;
    this.publishCount += 1;
    const stream = `${TENANT}/${BOARD}`;
    this.#recorder.add({ kind: "pub.invoke", op: val, stream, val, publisher: this.name });
    const { position } = await this.#board.publish(val);
    this.#recorder.add({ kind: "pub.ok", op: val, stream, ...parsePosition(position)! });
  }

  /** Runs one execution to its end, or asks for that end as soon as something has come. */
  async run(input: object, place: "shared" | "private", then: "watch" | "cancel"): Promise<void> {
    const execution =
      place === "shared"
        ? this.client.channel(RUNS).execute("count", input)
        : this.client.execute("count", input);
    const firstChunk = new Promise<void>((resolve) => {
      execution.on("chunk", () => resolve());
    });
    const [id, channel] = await Promise.all([execution.id, execution.channel]);
    this.runs.push({ id, channel, execution });
    if (then === "cancel") await Promise.race([firstChunk, execution.ended]);
    const cancelled = then === "cancel" ? await execution.cancel() : undefined;
    const { outcome } = await execution.ended;
    if (
      cancelled === undefined
        ? outcome === "cancelled"
        : (cancelled.status === "applied") !== (outcome === "cancelled")
    ) {
      this.faults.push(`${id} is ${outcome}, and its cancel was ${cancelled?.status ?? "never asked for"}`);
    }
  }

  boardValues(): readonly string[] {
    return this.#values;
  }

  runText(executionId: string): string {
    return this.#texts.get(executionId) ?? "";
  }

  runEnds(executionId: string): readonly string[] {
    return this.#ends.get(executionId) ?? [];
  }
}

interface PlainRecord {
  readonly type: string;
  readonly fromSeq: number;
  readonly seq: number;
  readonly position: string;
  readonly data?: unknown;
  readonly chunk?: object;
  readonly execution_id: string;
}

interface WireMessage {
  readonly type: string;
  readonly channel: string;
  readonly position: string;
  readonly n?: number;
  readonly session_id: string;
  readonly resumed: boolean;
  readonly reason?: string;
  readonly subscriptions: readonly { readonly channel: string; readonly position?: string }[];
  readonly [field: string]: unknown;
}

const PLAIN_RETRY_MS = 100;

/**
 * Keeps the records by channel. The server repeats what it does not know to have arrived, so at each welcome this goes back to
 * where the server says that delivery continues.
 */
export class PlainWatcher implements Watcher {
  readonly name: string;
  readonly faults: string[] = [];
  readonly #url: string;
  readonly #logs = new Map<string, PlainRecord[]>([
    [BOARD, []],
    [RUNS, []],
  ]);
  readonly #watching = Promise.withResolvers<void>();
  #sessionId: string | undefined;
  #socket: WebSocket | undefined;
  #isClosed = false;
  #confirmedCount = 0;
  resumeCount = 0;
  /** How the connections that were made have ended. */
  readonly closeCodes: number[] = [];
  /** Connections that were not made. */
  failedCount = 0;
  repeatedCount = 0;

  constructor(url: string, name: string) {
    this.#url = url;
    this.name = name;
    this.#open();
  }

  /** Resolves when both channels are followed. */
  watch(): Promise<void> {
    return this.#watching.promise;
  }

  get boardSeq(): number {
    return this.#logs.get(BOARD)!.at(-1)?.seq ?? 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  boardValues(): readonly string[] {
    return this.#logs.get(BOARD)!.map(({ data }) => String(data));
  }

  runText(executionId: string): string {
    const texts = new Map<string, string>();
    for (const record of this.#logs.get(RUNS)!) {
      if (record.type === "chunk") addText(texts, record.execution_id, record.chunk!);
    }
    return texts.get(executionId) ?? "";
  }

  runEnds(executionId: string): readonly string[] {
    return this.#logs
      .get(RUNS)!
      .filter(({ type, execution_id }) => execution_id === executionId && isEnd(type))
      .map(({ type }) => type.replace("execution_", ""));
  }

  #open(): void {
    const query = this.#sessionId === undefined ? `client_id=${this.name}` : `session_id=${this.#sessionId}`;
    const socket = new WebSocket(`${this.#url}?${query}`);
    this.#socket = socket;
    socket.on("message", (bytes) => this.#take(JSON.parse(String(bytes)) as WireMessage));
    // What went wrong shows in the close that follows.
    socket.on("error", () => {});
    let isMade = false;
    socket.on("open", () => {
      isMade = true;
    });
    socket.on("close", (code) => {
      if (isMade) this.closeCodes.push(code);
      else this.failedCount += 1;
      if (!this.#isClosed) setTimeout(() => this.#isClosed || this.#open(), PLAIN_RETRY_MS);
    });
  }

  #take(message: WireMessage): void {
    switch (message.type) {
      case "welcome":
        this.#welcomed(message);
        return;
      case "subscribed":
        this.#confirmedCount += 1;
        if (this.#confirmedCount === this.#logs.size) this.#watching.resolve();
        return;
      case "error":
      case "reset":
        this.faults.push(JSON.stringify(message));
        return;
      default:
        if (this.#logs.has(message.channel)) this.#append(message);
    }
  }

  #welcomed({ session_id, resumed, reason, subscriptions }: WireMessage): void {
    if (this.#sessionId === undefined) {
      this.#sessionId = session_id;
      for (const channel of this.#logs.keys()) {
        this.#socket!.send(JSON.stringify({ type: "subscribe", channel, since: "start" }));
      }
      return;
    }
    this.resumeCount += 1;
    if (!resumed) this.faults.push(`session not resumed: ${reason}`);
    for (const [channel, records] of this.#logs) {
      const position = subscriptions.find((one) => one.channel === channel)?.position;
      if (position === undefined) this.faults.push(`${channel} was not restored`);
      else this.#goBack(channel, records, parsePosition(position)!.seq);
    }
  }

  #goBack(channel: string, records: PlainRecord[], seq: number): void {
    const keptCount = records.findLastIndex((record) => record.seq <= seq) + 1;
    const lastSeq = records[keptCount - 1]?.seq ?? 0;
    if (lastSeq !== seq)
      this.faults.push(`${channel} continues from ${seq}, and what was received ends at ${lastSeq}`);
    this.repeatedCount += records.length - keptCount;
    records.length = keptCount;
  }

  #append(message: WireMessage): void {
    const records = this.#logs.get(message.channel)!;
    const { seq } = parsePosition(message.position)!;
    const fromSeq = seq - (message.n ?? 1) + 1;
    const lastSeq = records.at(-1)?.seq ?? 0;
    if (fromSeq !== lastSeq + 1) this.faults.push(`${message.channel} went from ${lastSeq} to ${fromSeq}`);
    records.push({ ...(message as unknown as PlainRecord), fromSeq, seq });
  }
}

function isEnd(type: string): boolean {
  return /^execution_(completed|failed|cancelled|interrupted)$/.test(type);
}

function addText(texts: Map<string, string>, executionId: string, chunk: object): void {
  if ("delta" in chunk) texts.set(executionId, (texts.get(executionId) ?? "") + String(chunk.delta));
}

function addEnd(ends: Map<string, string[]>, executionId: string, outcome: string): void {
  ends.set(executionId, [...(ends.get(executionId) ?? []), outcome]);
}
