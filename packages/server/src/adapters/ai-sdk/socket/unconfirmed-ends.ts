/**
 * Answers whose end was sent and of which it is not known whether it has arrived. The pong to a ping that was sent later says that it
 * has; where the socket is lost before that, or the client has closed the stream, it is still owed.
 */
type NoteCut = () => void;

/** Far more than a person reads between two pings. */
const MAX_ENDS = 1_000;

export class UnconfirmedEnds {
  /** By request, the oldest first. */
  readonly #ends = new Map<string, NoteCut>();
  /** Those that the open ping stands behind. */
  #pinged: readonly string[] = [];

  add(requestId: string, noteCut: NoteCut): void {
    this.#ends.delete(requestId);
    this.#ends.set(requestId, noteCut);
    if (this.#ends.size > MAX_ENDS) this.#ends.delete(this.#ends.keys().next().value!);
  }

  pinged(): void {
    this.#pinged = [...this.#ends.keys()];
  }

  confirm(): void {
    for (const requestId of this.#pinged) this.#ends.delete(requestId);
    this.#pinged = [];
  }

  doubt(requestId: string): void {
    this.#ends.get(requestId)?.();
    this.#ends.delete(requestId);
  }

  doubtAll(): void {
    for (const requestId of [...this.#ends.keys()]) this.doubt(requestId);
  }
}
