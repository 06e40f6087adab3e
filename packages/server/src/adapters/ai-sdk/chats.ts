/**
 * The chats of one server, as clients of the AI SDK know them: start an answer, take it up again, stop it. A chat is the channel
 * `chat:ID`, an answer is an execution in it.
 */
import { randomUUID } from "node:crypto";
import { formatPosition, type OnUnwatched, TachikomaError } from "@tachikoma/protocol";
import type { Identity } from "../../core/identity.ts";
import type { LastExecution } from "../../core/requests/last-execution.ts";
import type { GivenCommand } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import { Answer } from "./answer.ts";
import { type ChatRequest, channelOf } from "./chat-request.ts";
import { EndLedger, type EndReader } from "./end-ledger.ts";
import { isAnswerOwed } from "./resume-choice.ts";
import { SequenceBook, type SequencePage, type SequencePlace } from "./sequence-book.ts";

export interface StartOptions {
  readonly commandId: string;
  readonly onUnwatched: OnUnwatched | undefined;
  /** What the client sent besides, where its transport has a place for it. */
  readonly metadata?: unknown;
}

interface KnownAnswer {
  readonly executionId: string;
  readonly isRunning: boolean;
  readonly isContinuation?: boolean;
  /** The executions that wrote its message, it being the last. @default looked for */
  readonly turns?: readonly LastExecution[];
}

const chatsOf = new WeakMap<SessionServer, Chats>();

export class Chats {
  readonly ends = new EndLedger();
  readonly #core: SessionServer;
  readonly #sequences = new SequenceBook();
  /** Answers whose execution is being started, by chat. */
  readonly #starting = new Map<string, Set<Promise<unknown>>>();

  private constructor(core: SessionServer) {
    this.#core = core;
  }

  static of(core: SessionServer): Chats {
    const chats = chatsOf.get(core) ?? new Chats(core);
    chatsOf.set(core, chats);
    return chats;
  }

  /** Starts an answer, or takes up the one that was started under this command id. @throws as `Requests.execute` does */
  start(identity: Identity, request: ChatRequest, options: StartOptions): Promise<Answer> {
    const starting = this.#start(identity, request, options);
    this.#track(startKeyOf(identity, channelOf(request.chatId)), starting);
    return starting;
  }

  /**
   * The last answer of a chat, unless the client has it: from its beginning, or from the chunk after the one of this number where the
   * stream is remembered that it comes from.
   *
   * @throws FORBIDDEN, STORE_UNAVAILABLE
   */
  async resume(identity: Identity, chatId: string, lastSequence?: number): Promise<Answer | undefined> {
    const channel = channelOf(chatId);
    const turns = await this.#core.requests.lastMessageExecutions(identity, channel);
    const last = turns.at(-1);
    if (last === undefined) return undefined;
    const { executionId, endedAtMs } = last;
    const delivery = this.ends.of({ ...identity, channel }, executionId);
    if (!isAnswerOwed({ endedAtMs, delivery, nowMs: Date.now() })) return undefined;
    const isRunning = endedAtMs === undefined;
    const place = lastSequence === undefined ? undefined : this.#placeAfter(identity, channel, lastSequence);
    if (place?.executionId === executionId) {
      if (last.endSeq !== undefined && place.seq >= last.endSeq) return undefined;
      const rest = await this.#restAfter(identity, channel, place);
      if (rest !== undefined) return rest;
    }
    return this.#attach(identity, channel, { executionId, isRunning, turns });
  }

  /** What the numbers of a stream stand for that is being sent to this reader. */
  remember(reader: EndReader, page: SequencePage): void {
    this.#sequences.open(readerKeyOf(reader), page);
  }

  /** Stops the last answer of a chat, wherever it runs. @throws UNKNOWN_EXECUTION when there is none, FORBIDDEN */
  async stop(identity: Identity, chatId: string): Promise<GivenCommand> {
    const executionId = await this.#lastExecutionId(identity, chatId);
    return this.cancel(identity, executionId);
  }

  /** Stops an execution. One that has ended is past stopping, which is no fault of whoever asks. */
  async cancel(identity: Identity, executionId: string): Promise<GivenCommand> {
    const given = await this.#core.requests.cancel(identity, { commandId: randomUUID(), executionId });
    if (given.receipt.error?.code !== "UNKNOWN_EXECUTION") return given;
    const receipt = { status: "superseded" as const, executionId };
    return { receipt, final: Promise.resolve(receipt) };
  }

  /** Hands an input to the last answer of a chat. @throws UNKNOWN_EXECUTION when there is none, FORBIDDEN */
  async input(identity: Identity, chatId: string, data: unknown, commandId: string): Promise<GivenCommand> {
    const executionId = await this.#lastExecutionId(identity, chatId);
    return this.#core.requests.input(identity, { commandId, executionId, data });
  }

  async #start(identity: Identity, request: ChatRequest, options: StartOptions): Promise<Answer> {
    const { chatId, handler, messages, trigger, messageId, body } = request;
    const { commandId, onUnwatched, metadata } = options;
    const channel = channelOf(chatId);
    // There before the execution is: so it is watched from its first moment on, and nothing of it is missed.
    const { reader } = await this.#core.requests.read(identity, channel, { since: "head" });
    let isTaken = false;
    try {
      const input = { messages, trigger, messageId, body, ...(metadata === undefined ? {} : { metadata }) };
      const started = await this.#core.requests.execute(identity, {
        commandId,
        handler,
        channel,
        input,
        onUnwatched,
      });
      const { executionId, isRepeated } = started;
      const isContinuation = messages.at(-1)?.["role"] === "assistant";
      if (isRepeated) return await this.#attach(identity, channel, { ...started, isContinuation });
      isTaken = true;
      return new Answer({ executionId, channel, reader, isContinuation, lastSeq: undefined });
    } finally {
      if (!isTaken) reader.close();
    }
  }

  async #attach(identity: Identity, channel: string, known: KnownAnswer): Promise<Answer> {
    const { requests, hub } = this.#core;
    const { executionId, isRunning, isContinuation = false } = known;
    const turns = known.turns ?? (await this.#turnOf(identity, channel, executionId));
    const before = turns[0]?.beforeAttempt;
    const place = before === undefined ? { since: "start" as const } : { position: formatPosition(before) };
    // Read before the reader begins: what is written from now on is not the end of what has ended.
    const { head, base } = await hub.state({ tenant: identity.tenant, channel });
    const { reader } = await requests.read(identity, channel, place);
    const lastSeq = head.seq > base.seq ? head.seq : 0;
    return new Answer({
      executionId,
      channel,
      reader,
      isContinuation,
      turns: turns.map((turn) => ({ executionId: turn.executionId, afterSeq: turn.beforeAttempt?.seq ?? 0 })),
      lastSeq: isRunning ? undefined : lastSeq,
    });
  }

  /** Nothing where it is not the last one of its chat any more: then its records are looked for from the oldest on. */
  async #turnOf(identity: Identity, channel: string, executionId: string): Promise<readonly LastExecution[]> {
    const last = await this.#core.requests.lastExecution(identity, channel);
    return last?.executionId === executionId ? [last] : [];
  }

  #placeAfter(identity: Identity, channel: string, lastSequence: number): SequencePlace | undefined {
    return this.#sequences.placeAfter(readerKeyOf({ ...identity, channel }), lastSequence);
  }

  /** `undefined` where it cannot be proven that the log is still the one that the client has read. */
  async #restAfter(identity: Identity, channel: string, place: SequencePlace): Promise<Answer | undefined> {
    const { executionId } = place;
    const { hub, requests } = this.#core;
    const tag = await hub.tagAt({ tenant: identity.tenant, channel }, place.seq);
    if (tag === undefined) return undefined;
    const position = formatPosition({ epoch: place.epoch, seq: place.seq, tag });
    const { reader, resetReason } = await requests.read(identity, channel, { position });
    if (resetReason === undefined) {
      return new Answer({
        executionId,
        channel,
        reader,
        isContinuation: false,
        isBegun: true,
        lastSeq: undefined,
      });
    }
    reader.close();
    return undefined;
  }

  async #lastExecutionId(identity: Identity, chatId: string): Promise<string> {
    const channel = channelOf(chatId);
    // A stop may overtake what it is meant for.
    await Promise.allSettled(this.#starting.get(startKeyOf(identity, channel)) ?? []);
    const last = await this.#core.requests.lastExecution(identity, channel);
    if (last !== undefined) return last.executionId;
    throw new TachikomaError("UNKNOWN_EXECUTION", `Nothing has been answered in ${channel}`);
  }

  #track(key: string, starting: Promise<unknown>): void {
    const all = this.#starting.get(key) ?? new Set();
    this.#starting.set(key, all.add(starting));
    const done = () => {
      all.delete(starting);
      if (all.size === 0) this.#starting.delete(key);
    };
    starting.then(done, done);
  }
}

function readerKeyOf({ tenant, clientId, channel }: EndReader): string {
  return JSON.stringify([tenant, clientId, channel]);
}

function startKeyOf({ tenant }: Identity, channel: string): string {
  return JSON.stringify([tenant, channel]);
}
