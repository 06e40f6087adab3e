/**
 * Which connection the server may end as replaced (4409). No client here shares its session, so whoever takes it from the newest
 * connection is an earlier one of its own, that was kept from the store; and it has to have taken it, not only to have written it.
 * Clients recover from that by themselves, so that nothing else would show it.
 */
export class SessionTakings {
  readonly #counts = new Map<string, number>();
  /** By link that asked for a session: how often that will have been taken at least, when the link has it. */
  readonly #asked = new Map<string, { readonly sessionId: string; readonly count: number }>();

  taken(sessionId: string): void {
    this.#counts.set(sessionId, this.#countOf(sessionId) + 1);
  }

  asked(linkId: string, sessionId: string): void {
    this.#asked.set(linkId, { sessionId, count: this.#countOf(sessionId) + 1 });
  }

  /** Whether the session was taken more often than that. Of one that is new to its connection nothing is said. */
  mayBeReplaced(linkId: string): boolean {
    const asked = this.#asked.get(linkId);
    return asked === undefined || this.#countOf(asked.sessionId) > asked.count;
  }

  #countOf(sessionId: string): number {
    return this.#counts.get(sessionId) ?? 0;
  }
}
