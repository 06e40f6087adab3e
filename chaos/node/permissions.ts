/** What credentials look like here, and who may read what. */
import type { Credential } from "@tachikoma/server";

/** A token that says whose it is and until when: nobody here needs to be kept from forging one. */
export function tokenFor(clientId: string, expiresAtMs: number): string {
  return `${clientId}~${expiresAtMs}`;
}

export function credentialOf(token: string | undefined): Credential | undefined {
  const [subject, expiresAtMs] = token?.split("~") ?? [];
  if (subject === undefined || expiresAtMs === undefined) return undefined;
  return { subject, expiresAtMs: Number(expiresAtMs) };
}

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
