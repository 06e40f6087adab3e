/** Who may not read what any more. Whatever is not here is allowed. */
export class Permissions {
  readonly #revoked = new Set<string>();

  isRevoked(clientName: string, channel: string): boolean {
    return this.#revoked.has(`${clientName} ${channel}`);
  }

  revoke(clientName: string, channel: string): void {
    this.#revoked.add(`${clientName} ${channel}`);
  }

  grant(clientName: string, channel: string): void {
    this.#revoked.delete(`${clientName} ${channel}`);
  }
}
