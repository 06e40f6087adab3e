/**
 * A server small enough to be obviously right, for tests of delivery: logs with positions, one connection at a time, and
 * every message in flight until the test moves it. It merges adjacent deltas wherever the test happens to cut.
 */
import { formatPosition, type Position, parsePosition } from "@tachikoma/protocol";
import type { FakeNetwork, FakeSocket, WireMessage } from "./fake-network.ts";

interface ModelRecord {
  readonly seq: number;
  readonly tag: string;
  /** Text of a delta of this part, or of a message when there is none. */
  readonly text: string;
  readonly part: string | undefined;
}

class ModelLog {
  epoch = "e0";
  base: Position = { epoch: "e0", seq: 0, tag: "0" };
  records: ModelRecord[] = [];
  /** What was trimmed: gone for those who ask, but who has read it has read it. */
  trimmed: ModelRecord[] = [];
  #tagCount = 0;

  get head(): Position {
    const last = this.records.at(-1);
    return last === undefined ? this.base : { epoch: this.epoch, seq: last.seq, tag: last.tag };
  }

  append(text: string, part: string | undefined): Position {
    this.#tagCount += 1;
    this.records.push({ seq: this.head.seq + 1, tag: `t${this.#tagCount}`, text, part });
    return this.head;
  }

  trim(recordCount: number): void {
    for (const record of this.records.splice(0, recordCount)) {
      this.trimmed.push(record);
      this.base = { epoch: this.epoch, seq: record.seq, tag: record.tag };
    }
  }

  loseTail(recordCount: number): void {
    this.records.splice(Math.max(this.records.length - recordCount, 0));
  }

  replace(epoch: string): void {
    this.epoch = epoch;
    this.base = { epoch, seq: 0, tag: "0" };
    this.records = [];
    this.trimmed = [];
  }

  /** All that was ever there after `seq` and was not lost. */
  historyAfter(seq: number): ModelRecord[] {
    return [...this.trimmed, ...this.records].filter((record) => record.seq > seq);
  }

  after(seq: number): ModelRecord[] {
    return this.records.filter((record) => record.seq > seq);
  }

  resume(text: string): { from: Position; reason?: string } {
    const position = parsePosition(text);
    if (position === undefined) return { from: this.base, reason: "invalid_position" };
    if (position.epoch !== this.epoch) return { from: this.base, reason: "epoch_changed" };
    if (position.seq > this.head.seq) return { from: this.base, reason: "ahead_of_log" };
    if (position.seq < this.base.seq) return { from: this.base, reason: "trimmed" };
    const { tag } = this.records.find((record) => record.seq === position.seq) ?? this.base;
    return tag === position.tag ? { from: position } : { from: this.base, reason: "tag_mismatch" };
  }
}

export class ModelServer {
  readonly #logs = new Map<string, ModelLog>();
  #socket: FakeSocket | undefined;
  #inbound: WireMessage[] = [];
  #outbound: WireMessage[] = [];
  #cursors = new Map<string, number>();
  #connectionCount = 0;
  subscribeCount = 0;

  constructor(network: FakeNetwork) {
    network.onSocket = (socket) => {
      this.#connectionCount += 1;
      this.#socket = socket;
      this.#inbound = [];
      this.#cursors = new Map();
      this.#outbound = [
        {
          type: "welcome",
          connection_id: `c${this.#connectionCount}`,
          session_id: "s1",
          client_id: "device",
          server_version: "0",
          resumed: socket.url.searchParams.has("session_id"),
          subscriptions: [],
        },
      ];
      socket.onSent = (message) => this.#inbound.push(message);
    };
  }

  log(channel: string): ModelLog {
    const known = this.#logs.get(channel);
    if (known !== undefined) return known;
    const log = new ModelLog();
    this.#logs.set(channel, log);
    return log;
  }

  get isQuiet(): boolean {
    if (this.#inbound.length > 0 || this.#outbound.length > 0) return false;
    return [...this.#cursors].every(([channel, seq]) => this.log(channel).head.seq === seq);
  }

  get isFollowed(): boolean {
    return this.#cursors.size > 0;
  }

  /** Takes messages that have arrived. */
  process(maxCount: number): void {
    for (const message of this.#inbound.splice(0, maxCount)) this.#handle(message);
  }

  /** Frames up to so many records of each followed channel. */
  frame(maxRecords: number): void {
    for (const [channel, seq] of this.#cursors) {
      const log = this.log(channel);
      const records = log.after(seq).slice(0, maxRecords);
      for (const run of runsOf(records)) this.#outbound.push(frameOf(channel, log.epoch, run));
      this.#cursors.set(channel, records.at(-1)?.seq ?? seq);
    }
  }

  /** Lets messages reach the client. */
  deliver(maxCount: number): void {
    const socket = this.#socket;
    for (const message of this.#outbound.splice(0, maxCount)) if (socket?.isOpen) socket.receive(message);
  }

  /** The connection dies; what was in flight is lost. */
  crash(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#inbound = [];
    this.#outbound = [];
    this.#cursors = new Map();
    if (socket?.isOpen) socket.end(1006);
  }

  #handle(message: WireMessage): void {
    const channel = String(message["channel"]);
    if (message.type === "unsubscribe") {
      this.#cursors.delete(channel);
      this.#outbound.push({ type: "unsubscribed", ref: message["id"], channel });
    }
    if (message.type === "subscribe") this.#subscribe(channel, message);
  }

  #subscribe(channel: string, { id: ref, position, since }: WireMessage): void {
    this.subscribeCount += 1;
    const log = this.log(channel);
    const { from, reason } =
      position === undefined
        ? { from: since === "start" ? log.base : log.head, reason: undefined }
        : log.resume(String(position));
    this.#cursors.set(channel, from.seq);
    const answer = { channel, position: formatPosition(from), ...(reason !== undefined && { reason }) };
    this.#outbound.push({ type: "subscribed", ref, recovered: reason === undefined, ...answer });
    if (reason !== undefined) this.#outbound.push({ type: "reset", ...answer });
  }
}

/** Adjacent deltas of one part belong together. */
function runsOf(records: readonly ModelRecord[]): ModelRecord[][] {
  const runs: ModelRecord[][] = [];
  for (const record of records) {
    const run = runs.at(-1);
    const isSameRun = record.part !== undefined && run?.at(-1)?.part === record.part;
    if (run !== undefined && isSameRun) run.push(record);
    else runs.push([record]);
  }
  return runs;
}

function frameOf(channel: string, epoch: string, run: readonly ModelRecord[]): WireMessage {
  const last = run.at(-1)!;
  const position = formatPosition({ epoch, seq: last.seq, tag: last.tag });
  if (last.part === undefined) return { type: "message", channel, position, data: last.text };
  const text = run.map((record) => record.text).join("");
  return {
    type: "chunk",
    channel,
    position,
    execution_id: "e1",
    chunk: { type: "text-delta", id: last.part, delta: text },
    ...(run.length > 1 && { n: run.length }),
  };
}
