/**
 * One socket of the SDK's `WebSocketChatTransport`: several requests at a time, each with its own numbers. Losing the socket detaches
 * from all of them; an `abort` cancels the execution that is meant.
 */
import { ERRORS, type ErrorCode, errorCodeOf } from "@tachikoma/protocol";
import { Heart } from "../../../core/connection/heart.ts";
import type { HeartbeatTiming } from "../../../core/connection/heartbeat.ts";
import { InboundBudget, type InboundLimits } from "../../../core/connection/inbound-budget.ts";
import type { Identity } from "../../../core/identity.ts";
import type { Clock, Logger, Timer, Transport } from "../../../core/ports.ts";
import type { ServedSocket } from "../../../gateway/websocket/socket-protocol.ts";
import { channelOf, readChatId, readChatRequest } from "../chat-request.ts";
import type { Chats, StartOptions } from "../chats.ts";
import { commandIdFor } from "../command-id.ts";
import { ChatCall, type ChatCallOptions } from "./chat-call.ts";
import {
  type AbortFrame,
  type ResumeFrame,
  readClientFrame,
  type SendFrame,
  type ServerFrame,
} from "./chat-frame.ts";
import { PendingStops } from "./pending-stops.ts";
import { UnconfirmedEnds } from "./unconfirmed-ends.ts";

export interface ChatSocketLimits extends InboundLimits {
  readonly highWaterBytes: number;
}

export interface ChatSocketOptions {
  readonly chats: Chats;
  readonly identity: Identity;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeat: HeartbeatTiming;
  readonly limits: ChatSocketLimits;
  readonly onUnwatched: StartOptions["onUnwatched"];
  /** Of the address. */
  readonly handler: string | undefined;
  readonly onClosed: () => void;
}

/** Requests of one socket that are being answered. A page has as many open chats as a person can look at. */
export const MAX_REQUESTS_PER_SOCKET = 64;

/** The socket was lost. */
const ABNORMAL_CLOSE_CODE = 1006;

type PauseReason = "rate" | "full";

export class ChatSocket implements ServedSocket {
  readonly #options: ChatSocketOptions;
  readonly #calls = new Map<string, ChatCall>();
  readonly #stops: PendingStops;
  readonly #budget: InboundBudget;
  readonly #heart: Heart;
  readonly #paused = new Set<PauseReason>();
  readonly #ends = new UnconfirmedEnds();
  #waitingForRoom: (() => void)[] = [];
  #rateTimer: Timer | undefined;
  #expiryTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: ChatSocketOptions) {
    const { clock, limits, heartbeat, transport, identity } = options;
    this.#options = options;
    this.#budget = new InboundBudget(limits, clock.monotonicMs());
    this.#stops = new PendingStops(clock);
    this.#heart = new Heart(clock, heartbeat, {
      ping: (checkpoint) => transport.ping(checkpoint),
      checkpoint: () => {
        this.#ends.pinged();
        return [];
      },
      confirmed: () => this.#ends.confirm(),
      dead: () => this.close("HEARTBEAT_TIMEOUT"),
    });
    this.#heart.start();
    if (identity.expiresAtMs !== undefined) {
      const leftMs = Math.max(0, identity.expiresAtMs - clock.nowMs());
      this.#expiryTimer = clock.setTimer(leftMs, () => this.close("TOKEN_EXPIRED"));
    }
  }

  onText(text: string): void {
    if (this.#isClosed) return;
    this.#spend();
    const read = readClientFrame(text);
    if ("fault" in read) return this.#refuse(read.requestId, read.fault);
    const { frame } = read;
    if (frame.type === "abort") return this.#abort(frame);
    if (this.#calls.has(frame.requestId)) return this.#refuse(frame.requestId, "requestId is in use");
    if (this.#calls.size >= MAX_REQUESTS_PER_SOCKET) {
      const errorText = `${MAX_REQUESTS_PER_SOCKET} requests are being answered, the limit of a socket`;
      return this.#send({ type: "error", requestId: frame.requestId, errorText });
    }
    try {
      this.#call(frame.type === "send" ? this.#sendOf(frame) : this.#resumeOf(frame));
    } catch (cause) {
      this.#refuse(frame.requestId, this.#textOf(cause));
    }
  }

  onBinary(): void {
    this.#refuse(undefined, ERRORS.BINARY_NOT_SUPPORTED.message);
  }

  onPong(checkpoint: number): void {
    this.#heart.pong(checkpoint);
  }

  onDrain(): void {
    this.#resume("full");
    for (const goOn of this.#waitingForRoom.splice(0)) goOn();
  }

  onClosed(closeCode?: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (closeCode === ABNORMAL_CLOSE_CODE) this.#ends.doubtAll();
    this.#heart.stop();
    this.#rateTimer?.cancel();
    this.#expiryTimer?.cancel();
    for (const call of this.#calls.values()) call.close();
    for (const goOn of this.#waitingForRoom.splice(0)) goOn();
    // Who pressed stop and closed the page right after meant it.
    this.#stops.close();
    this.#options.onClosed();
  }

  close(code: ErrorCode): void {
    if (this.#isClosed) return;
    const { closeCode } = ERRORS[code] as { closeCode?: number };
    this.#options.transport.close(closeCode ?? 1011, ERRORS[code].message);
    this.onClosed(code === "HEARTBEAT_TIMEOUT" ? ABNORMAL_CLOSE_CODE : closeCode);
  }

  #sendOf(frame: SendFrame): ChatCallOptions {
    const { chats, identity, onUnwatched, handler } = this.#options;
    const { requestId, metadata } = frame;
    const request = readChatRequest({ ...frame, handler });
    const commandId = commandIdFor(request, undefined);
    return {
      requestId,
      kind: "send",
      chatId: request.chatId,
      firstSequence: 0,
      open: () => chats.start(identity, request, { commandId, onUnwatched, metadata }),
    };
  }

  #resumeOf({ requestId, id, lastSequence }: ResumeFrame): ChatCallOptions {
    const { chats, identity } = this.#options;
    const chatId = readChatId(id);
    this.#stops.resumed(chatId);
    return {
      requestId,
      kind: "resume",
      chatId,
      // Whatever follows, the client takes no number but the next.
      firstSequence: lastSequence === undefined ? 0 : lastSequence + 1,
      open: () => chats.resume(identity, chatId, lastSequence),
    };
  }

  #call(options: ChatCallOptions): void {
    const { chats, identity } = this.#options;
    const { requestId, chatId } = options;
    const reader = { ...identity, channel: channelOf(chatId) };
    const call = new ChatCall(options, {
      send: (frame) => this.#send(frame),
      room: () => this.#room(),
      remember: (page) => chats.remember(reader, page),
      ended: ({ executionId }, isGiven) => {
        const noteCut = () => chats.ends.noteCut(reader, executionId);
        if (!isGiven) return noteCut();
        chats.ends.noteGiven(reader, executionId);
        this.#ends.add(requestId, noteCut);
      },
      textOf: (cause) => this.#textOf(cause),
    });
    this.#calls.set(requestId, call);
    void call.run().then(() => {
      if (this.#calls.get(requestId) === call) this.#calls.delete(requestId);
    });
  }

  #abort({ requestId }: AbortFrame): void {
    const call = this.#calls.get(requestId);
    // Its end was under way already, and the client has closed the stream without it.
    if (call === undefined) return this.#ends.doubt(requestId);
    this.#calls.delete(requestId);
    call.close();
    const stop = () => void this.#cancel(call);
    if (call.kind === "send") stop();
    else this.#stops.add(call.chatId, stop);
  }

  async #cancel(call: ChatCall): Promise<void> {
    const { chats, identity, logger } = this.#options;
    const executionId = await call.opened;
    if (executionId === undefined) return;
    try {
      await chats.cancel(identity, executionId);
    } catch (cause) {
      logger.warn({ err: cause, executionId }, "Execution of an aborted request could not be cancelled");
    }
  }

  #refuse(requestId: string | undefined, errorText: string): void {
    if (this.#isClosed) return;
    this.#send({ type: "error", requestId: requestId ?? "", errorText });
    if (!this.#budget.takeInvalid(this.#options.clock.monotonicMs())) this.close("TOO_MANY_ERRORS");
  }

  #send(frame: ServerFrame): void {
    const { transport } = this.#options;
    if (!this.#isClosed) transport.write(transport.framing.frame(JSON.stringify(frame)));
  }

  /** Only errors of the catalogue show their text. */
  #textOf(cause: unknown): string {
    const code = errorCodeOf(cause);
    if (code !== undefined && cause instanceof Error) return cause.message;
    this.#options.logger.error({ err: cause }, "Request failed");
    return ERRORS.INTERNAL.message;
  }

  #room(): Promise<void> | undefined {
    if (this.#isClosed || !this.#isFull) return undefined;
    return new Promise((resolve) => this.#waitingForRoom.push(resolve));
  }

  get #isFull(): boolean {
    return this.#options.transport.bufferedBytes >= this.#options.limits.highWaterBytes;
  }

  #spend(): void {
    const { clock } = this.#options;
    const waitMs = this.#budget.take(clock.monotonicMs());
    if (waitMs > 0) {
      this.#pause("rate");
      this.#rateTimer?.cancel();
      this.#rateTimer = clock.setTimer(waitMs, () => this.#resume("rate"));
    }
    if (this.#isFull) this.#pause("full");
  }

  #pause(reason: PauseReason): void {
    if (this.#paused.size === 0) this.#options.transport.pauseReading();
    this.#paused.add(reason);
  }

  #resume(reason: PauseReason): void {
    if (!this.#paused.delete(reason) || this.#paused.size > 0 || this.#isClosed) return;
    this.#options.transport.resumeReading();
  }
}
