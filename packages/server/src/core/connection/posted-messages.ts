/**
 * Messages that come beside their connection, as those of an event stream do: by requests of their own, of which each waits until
 * the connection takes it. So a flood waits on its sender's side here too.
 *
 *   post --its turn, and the connection reads--> taken          where another node has the connection: a letter to it,
 *     `--closed meanwhile, or never there--> CONNECTION_GONE    and its answer
 */
import { type ErrorCode, errorCodeOf, TachikomaError } from "@tachikoma/protocol";
import type { Store } from "../../stores/store.ts";
import { leaseOf } from "../cluster/node-lease.ts";
import type { NodeMessage, PostedMessage, PostTakenMessage } from "../cluster/node-message.ts";
import { type Credential, identityFor } from "../credential.ts";
import type { Clock, Random } from "../ports.ts";
import type { Connection } from "./connection.ts";
import { nodeOfConnection } from "./connection-id.ts";
import type { ConnectionRegistry } from "./connection-registry.ts";

/** Messages for one connection, in their order. */
export interface Post {
  /** Who posts it, as the door has found. */
  readonly credential: Credential;
  readonly connectionId: string;
  readonly texts: readonly string[];
  /** Counts the posts for the connection from 1: one that was taken before is not taken again. */
  readonly seq: number | undefined;
}

/** Posts for one connection that wait for their turn. */
const MAX_WAITING_POSTS = 16;
/** Texts on their way to other nodes, in characters, in one post and in all. */
const MAX_FORWARDED_CHARS = 256 * 1024;
const MAX_FORWARDED_CHARS_AT_ONCE = 4 * 1024 * 1024;
/**
 * Where hints are lost, letter and answer are found by looking, every 5 s each. A node that has not taken a post by then has other
 * worries: the client comes back and asks again.
 */
const ANSWER_TIMEOUT_MS = 15_000;
const LETTER_ID_CHARS = 12;

export interface PostedMessagesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly nodeId: string;
  readonly connections: ConnectionRegistry;
  readonly send: (nodeId: string, message: NodeMessage) => Promise<void>;
}

/** What is known of a connection's posts. */
interface PostLine {
  tail: Promise<void>;
  waitingCount: number;
  lastSeq: number;
}

export class PostedMessages {
  readonly #options: PostedMessagesOptions;
  readonly #lines = new WeakMap<Connection, PostLine>();
  readonly #awaited = new Map<string, PromiseWithResolvers<void>>();
  #forwardedChars = 0;

  constructor(options: PostedMessagesOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the connection has taken the messages. What they come to is said there.
   *
   * @throws CONNECTION_GONE, FORBIDDEN, INVALID_MESSAGE, TOO_MANY_MESSAGES, MESSAGE_TOO_LARGE, STORE_UNAVAILABLE
   */
  async post(post: Post): Promise<void> {
    const { nodeId, store } = this.#options;
    const owner = nodeOfConnection(post.connectionId);
    if (owner === nodeId) return this.#take(post);
    if (owner === undefined || !store.isShared) throw gone();
    return this.#forward(owner, post);
  }

  onMessage(message: PostedMessage | PostTakenMessage): void {
    if (message.kind === "posted") void this.#answer(message);
    else this.#onTaken(message);
  }

  close(): void {
    for (const { reject } of this.#awaited.values()) reject(gone());
    this.#awaited.clear();
  }

  async #take(post: Post): Promise<void> {
    const connection = this.#options.connections.get(post.connectionId);
    if (connection === undefined || connection.isClosed) throw gone();
    checkPoster(post.credential, connection);
    const line = this.#lineOf(connection);
    if (line.waitingCount >= MAX_WAITING_POSTS) {
      throw new TachikomaError("TOO_MANY_MESSAGES", `${MAX_WAITING_POSTS} posts wait already, the limit`);
    }
    line.waitingCount += 1;
    const turn = line.tail.then(() => feed(connection, line, post));
    line.tail = turn.catch(() => {
      // Whoever posted it is told; those behind it have their turn all the same.
    });
    return turn.finally(() => {
      line.waitingCount -= 1;
    });
  }

  #lineOf(connection: Connection): PostLine {
    const known = this.#lines.get(connection);
    if (known !== undefined) return known;
    const line: PostLine = { tail: Promise.resolve(), waitingCount: 0, lastSeq: 0 };
    this.#lines.set(connection, line);
    return line;
  }

  async #forward(owner: string, { credential, connectionId, texts, seq }: Post): Promise<void> {
    const { store, random, clock, nodeId, send } = this.#options;
    const charCount = texts.reduce((sum, text) => sum + text.length, 0);
    if (charCount > MAX_FORWARDED_CHARS) {
      const limit = `${charCount} characters for a connection of another node, the limit is ${MAX_FORWARDED_CHARS}`;
      throw new TachikomaError("MESSAGE_TOO_LARGE", `The messages have ${limit}`);
    }
    if (this.#forwardedChars + charCount > MAX_FORWARDED_CHARS_AT_ONCE) {
      throw new TachikomaError("TOO_MANY_MESSAGES", "Too many messages are on their way to other nodes");
    }
    const { tenant, subject, clientId } = credential;
    const id = random.id(LETTER_ID_CHARS);
    const answer = Promise.withResolvers<void>();
    this.#awaited.set(id, answer);
    this.#forwardedChars += charCount;
    const timer = clock.setTimer(ANSWER_TIMEOUT_MS, () => answer.reject(gone()));
    // It may come, or be given up, while the letter is still being written.
    answer.promise.catch(() => {});
    try {
      // Nobody would read the letter, and anyone can make up a name.
      if ((await store.findLease(leaseOf(owner))) === undefined) throw gone();
      const poster = { tenant, subject, clientId };
      await send(owner, { kind: "posted", id, from: nodeId, poster, connectionId, texts, seq });
      return await answer.promise;
    } finally {
      timer.cancel();
      this.#awaited.delete(id);
      this.#forwardedChars -= charCount;
    }
  }

  /** Says to the node that forwarded it what became of a post. */
  async #answer({ id, from, poster, connectionId, texts, seq }: PostedMessage): Promise<void> {
    const fault = await this.#take({ credential: poster, connectionId, texts, seq }).then(
      () => undefined,
      (cause: unknown) => faultOf(cause),
    );
    await this.#options.send(from, { kind: "post_taken", id, fault }).catch(() => {
      // Not answered is as good as gone: the client comes back.
    });
  }

  #onTaken({ id, fault }: PostTakenMessage): void {
    const awaited = this.#awaited.get(id);
    if (fault === undefined) awaited?.resolve();
    else awaited?.reject(new TachikomaError(fault.code, fault.message));
  }
}

/** Only who could have made the connection may speak in it. */
function checkPoster(credential: Credential, connection: Connection): void {
  const { tenant, subject, clientId } = connection.identity;
  const identity = identityFor(credential, clientId, undefined, () => clientId);
  if (identity.tenant !== tenant || identity.subject !== subject) {
    throw new TachikomaError("FORBIDDEN", "The connection belongs to another subject");
  }
  if (connection.door.kind !== "events") {
    throw new TachikomaError("INVALID_MESSAGE", "The connection takes its messages itself");
  }
}

async function feed(connection: Connection, line: PostLine, { texts, seq }: Post): Promise<void> {
  await connection.untilReading();
  if (connection.isClosed) throw gone();
  if (seq !== undefined) {
    if (seq <= line.lastSeq) return;
    if (seq > line.lastSeq + 1) {
      throw new TachikomaError("INVALID_MESSAGE", `seq is ${seq}, the next one is ${line.lastSeq + 1}`);
    }
    line.lastSeq = seq;
  }
  for (const text of texts) connection.onText(text);
}

function faultOf(cause: unknown): { readonly code: ErrorCode; readonly message: string } {
  const code = errorCodeOf(cause);
  if (code === undefined || !(cause instanceof Error)) return { code: "INTERNAL", message: "Internal error" };
  return { code, message: cause.message };
}

function gone(): TachikomaError {
  return new TachikomaError("CONNECTION_GONE");
}
