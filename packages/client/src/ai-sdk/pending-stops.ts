/**
 * `useChat` aborts a request for several reasons and names none. Only what follows at once tells them apart: the same answer is asked for
 * again (a component was mounted twice, or asks once more), or the chat is disposed of. Otherwise it was `stop()`.
 */
const GRACE_MS = 20;

export class PendingStops {
  readonly #byChat = new Map<string, ReturnType<typeof setTimeout>>();

  add(chatId: string, stop: () => void): void {
    this.drop(chatId);
    const timer = setTimeout(() => {
      this.#byChat.delete(chatId);
      stop();
    }, GRACE_MS);
    this.#byChat.set(chatId, timer);
  }

  /** The answer of this chat is wanted. */
  drop(chatId: string): void {
    clearTimeout(this.#byChat.get(chatId));
    this.#byChat.delete(chatId);
  }

  /** The chats are disposed of, and what answers them goes on. */
  dropAll(): void {
    for (const chatId of [...this.#byChat.keys()]) this.drop(chatId);
  }
}
