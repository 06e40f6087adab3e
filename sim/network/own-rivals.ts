/**
 * Which connection of a client the server may end as replaced (4409). No client here shares its session, so whoever took it was an
 * earlier connection of its own; and since the newer one wins, the newest is only ended where an earlier one that was never welcomed
 * was still on its way to the store. Clients recover from that by themselves, so that nothing else would show it.
 */
export class OwnRivals {
  /** Links that asked to be let in, and were not welcomed. */
  readonly #unheard = new Map<string, Set<string>>();

  knocked(clientName: string, linkId: string): void {
    const unheard = this.#unheard.get(clientName) ?? new Set();
    this.#unheard.set(clientName, unheard.add(linkId));
  }

  welcomed(clientName: string, linkId: string): void {
    this.#unheard.get(clientName)?.delete(linkId);
  }

  /** Whether an earlier one may have come to the session after this one. */
  mayReplace(clientName: string, linkId: string): boolean {
    return [...(this.#unheard.get(clientName) ?? [])].some((id) => id !== linkId);
  }
}
