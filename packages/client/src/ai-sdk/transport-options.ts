import type { OnUnwatched } from "@tachikoma/protocol";
import type { TachikomaClient } from "../api.ts";
import { connect } from "../client.ts";
import type { ConnectOptions } from "../options.ts";

/** A value, or how to get it when it is needed. */
type Resolvable<Value> = Value | (() => Value | Promise<Value>);

interface AnswerOptions {
  /** What answers: the handler's name on the server, for all chats or for each. @default "chat" */
  readonly handler?: string | ((chatId: string) => string);
  /** In which channel a chat is. @default `chat:ID` */
  readonly channel?: (chatId: string) => string;
  /** What happens to an answer that nobody watches any more. @default "keep" */
  readonly onUnwatched?: OnUnwatched;
  /** Goes into the handler's input as `body`, with what a single request adds. */
  readonly body?: Resolvable<object>;
  /**
   * What the end of a request that `useChat` aborts means. It does so for its `stop()`, and also when a component goes away that has
   * made its chat itself; the two cannot be told apart. With `detach` answers outlive their components, and `stop(chatId)` of the
   * transport stops them.
   *
   * @default "cancel"
   */
  readonly onAbort?: "cancel" | "detach";
}

/** One connection for many chats: the application's own, or one that the transport makes and closes. */
export type TransportOptions = AnswerOptions &
  (
    | { readonly client: TachikomaClient; readonly url?: undefined; readonly connect?: undefined }
    | { readonly url: string; readonly connect?: ConnectOptions; readonly client?: undefined }
  );

export interface TransportSettings extends Required<Omit<AnswerOptions, "onUnwatched" | "handler" | "body">> {
  readonly client: TachikomaClient;
  /** The transport closes the client with itself. */
  readonly ownsClient: boolean;
  readonly handler: (chatId: string) => string;
  readonly onUnwatched: OnUnwatched | undefined;
  readonly body: () => Promise<object>;
}

const DEFAULT_HANDLER = "chat";

export function transportSettings(options: TransportOptions): TransportSettings {
  const { handler = DEFAULT_HANDLER, body = {}, onUnwatched } = options;
  return {
    client: options.client ?? connect(options.url, options.connect),
    ownsClient: options.client === undefined,
    handler: typeof handler === "function" ? handler : () => handler,
    channel: options.channel ?? ((chatId) => `chat:${chatId}`),
    onUnwatched,
    onAbort: options.onAbort ?? "cancel",
    body: async () => (typeof body === "function" ? body() : body),
  };
}
