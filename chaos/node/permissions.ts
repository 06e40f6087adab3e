/** Who may read what. Everyone may read everything until it is said otherwise. */
export class Permissions {
  readonly #denied = new Set<string>();

  mayRead(clientId: string, channel: string): boolean {
    return !this.#denied.has(`${clientId} ${channel}`);
  }

  set(clientId: string, channel: string, isAllowed: boolean): void {
    const key = `${clientId} ${channel}`;
    if (isAllowed) this.#denied.delete(key);
    else this.#denied.add(key);
  }
}
