/**
 * `useChat` over this client: answers are executions in the channel of their chat. A lost connection never reaches the chat, as the client
 * comes back by itself and goes on where it was.
 */
import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { CommandResult, Execution } from "../api.ts";
import {
  type AnswerReadable,
  type AnswerReadableOptions,
  answerReadable,
  lostError,
} from "./answer-readable.ts";
import { PendingStops } from "./pending-stops.ts";
import { type RunningAnswer, runningExecution } from "./running-execution.ts";
import { type TransportOptions, type TransportSettings, transportSettings } from "./transport-options.ts";

export interface TachikomaChatTransport<Message extends UIMessage = UIMessage>
  extends ChatTransport<Message> {
  readonly resumeStreamIsReplay: true;
  /** Stops the answer of a chat, from whichever device it was asked for; `undefined` when none is being made. */
  stop(chatId: string): Promise<CommandResult | undefined>;
  /** Hands something to the answer of a chat that is being made: the handler reads it from its `inputs`. `undefined` when there is none. */
  input(chatId: string, data: unknown): Promise<CommandResult | undefined>;
  /** Ends what is streamed, without stopping it, and closes the connection when the transport has made it. */
  close(): void;
}

/**
 * A transport for `useChat`, in place of the default one.
 *
 * @example
 * const transport = tachikomaTransport({ url: "/", connect: { token: () => fetchToken() } });
 * const { messages, sendMessage, stop } = useChat({ id: "42", transport, resume: true });
 */
export function tachikomaTransport<Message extends UIMessage = UIMessage>(
  options: TransportOptions,
): TachikomaChatTransport<Message> {
  return new Transport<Message>(transportSettings(options));
}

type SendOptions<Message extends UIMessage> = Parameters<ChatTransport<Message>["sendMessages"]>[0];
type ReconnectOptions = Parameters<ChatTransport<UIMessage>["reconnectToStream"]>[0];

type StreamedAnswer = Omit<AnswerReadableOptions, "onEnd"> & { readonly chatId: string };

interface OpenAnswer {
  readonly chatId: string;
  readonly execution: Execution;
  readonly readable: AnswerReadable;
}

class Transport<Message extends UIMessage> implements TachikomaChatTransport<Message> {
  readonly resumeStreamIsReplay = true;
  readonly #settings: TransportSettings;
  readonly #stops = new PendingStops();
  readonly #open = new Set<OpenAnswer>();

  constructor(settings: TransportSettings) {
    this.#settings = settings;
  }

  async sendMessages(options: SendOptions<Message>): Promise<ReadableStream<UIMessageChunk>> {
    const { client, handler, channel, onUnwatched } = this.#settings;
    const { chatId, messages, trigger, messageId, metadata, abortSignal } = options;
    const body = { ...(await this.#settings.body()), ...options.body };
    abortSignal?.throwIfAborted();
    const input = { messages, trigger, messageId, body, ...(metadata !== undefined && { metadata }) };
    const policy = onUnwatched === undefined ? {} : { onUnwatched };
    const execution = client.channel(channel(chatId)).execute(handler(chatId), input, policy);
    const isContinuation = trigger === "submit-message" && messages.at(-1)?.role === "assistant";
    return this.#stream({ chatId, execution, isContinuation }, abortSignal);
  }

  async reconnectToStream({
    chatId,
    abortSignal,
  }: ReconnectOptions): Promise<ReadableStream<UIMessageChunk> | null> {
    this.#stops.drop(chatId);
    const running = await this.#running(chatId, abortSignal);
    if (running === undefined) return null;
    return this.#stream({ chatId, ...running, isContinuation: false }, abortSignal);
  }

  async stop(chatId: string): Promise<CommandResult | undefined> {
    return (await this.#current(chatId))?.cancel();
  }

  async input(chatId: string, data: unknown): Promise<CommandResult | undefined> {
    return (await this.#current(chatId))?.input(data);
  }

  close(): void {
    const { ownsClient, client } = this.#settings;
    this.#stops.dropAll();
    for (const { readable } of [...this.#open]) readable.fail(lostError("the transport was closed"));
    if (ownsClient) client.close();
  }

  #stream(answer: StreamedAnswer, abortSignal: AbortSignal | undefined): ReadableStream<UIMessageChunk> {
    const { chatId, execution } = answer;
    const onAbort = () => {
      open.readable.end();
      if (this.#settings.onAbort === "cancel") this.#stops.add(chatId, () => this.#cancel(execution));
    };
    const onEnd = () => {
      this.#open.delete(open);
      abortSignal?.removeEventListener("abort", onAbort);
    };
    const open = { chatId, execution, readable: answerReadable({ ...answer, onEnd }) };
    this.#open.add(open);
    abortSignal?.addEventListener("abort", onAbort, { once: true });
    // The vocabulary is the same; the SDK's type names more of what is in its fields.
    return open.readable.stream as ReadableStream<UIMessageChunk>;
  }

  /** What is streamed here, or runs without being looked at. */
  async #current(chatId: string): Promise<Execution | undefined> {
    const open = [...this.#open].findLast((one) => one.chatId === chatId);
    return (open ?? (await this.#running(chatId, undefined)))?.execution;
  }

  #running(chatId: string, signal: AbortSignal | undefined): Promise<RunningAnswer | undefined> {
    return runningExecution(this.#settings.client, this.#settings.channel(chatId), signal);
  }

  #cancel(execution: Execution): void {
    execution.cancel().catch(() => {
      // Whoever waits for the end of the answer is told by its record; the connection may be closed for good by now.
    });
  }
}
