/** So long an answer may be under way: a node that stands still for longer has lost its connections. */
const MAX_ANSWER_MS = 15_000;

/** Who may not read what any more. Whatever is not here is allowed. */
export class Permissions {
  readonly #revoked = new Set<string>();
  readonly #grantedAtMs = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  isRevoked(clientName: string, channel: string): boolean {
    return this.#revoked.has(`${clientName} ${channel}`);
  }

  /** An answer that arrives now may have been given before a grant. */
  mayBeRefused(clientName: string, channel: string): boolean {
    const grantedAtMs = this.#grantedAtMs.get(`${clientName} ${channel}`) ?? Number.NEGATIVE_INFINITY;
    return this.isRevoked(clientName, channel) || this.#nowMs() - grantedAtMs < MAX_ANSWER_MS;
  }

  revoke(clientName: string, channel: string): void {
    this.#revoked.add(`${clientName} ${channel}`);
  }

  grant(clientName: string, channel: string): void {
    this.#revoked.delete(`${clientName} ${channel}`);
    this.#grantedAtMs.set(`${clientName} ${channel}`, this.#nowMs());
  }
}
