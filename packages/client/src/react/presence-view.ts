import type { PresenceMember } from "@tachikoma/protocol";
import type { PresenceEvent, Subscription, TachikomaClient } from "../api.ts";
import type { ClientError } from "../client-error.ts";
import { errorOf } from "./error-of.ts";
import { type OpenView, View } from "./view.ts";

export interface PresenceSnapshot {
  /** Who is there, this client included when it has said a state. */
  readonly members: readonly PresenceMember[];
  /** Why nobody can be seen any more. */
  readonly error?: ClientError;
}

export const NOBODY: PresenceSnapshot = { members: [] };

export class PresenceView implements OpenView<PresenceSnapshot> {
  readonly view = new View(NOBODY, () => this.#snapshot());
  readonly #members = new Map<string, PresenceMember>();
  #subscription: Subscription | undefined;
  #error: ClientError | undefined;

  constructor(client: TachikomaClient, name: string) {
    try {
      this.#subscription = client.channel(name).subscribe();
      this.#follow(this.#subscription);
    } catch (cause) {
      this.#closed(errorOf(cause));
    }
  }

  close(): void {
    this.#subscription?.unsubscribe();
  }

  #follow(subscription: Subscription): void {
    // A subscription that takes no records waits for somebody who does, and would be left meanwhile.
    subscription.on("delivery", () => {});
    subscription.on("presence", (event) => this.#take(event));
    subscription.on("closed", ({ error }) => this.#closed(error));
  }

  #take({ event, members }: PresenceEvent): void {
    if (event === "members") this.#members.clear();
    for (const member of members) {
      if (event === "leave") this.#members.delete(member.clientId);
      else this.#members.set(member.clientId, member);
    }
    this.view.changed();
  }

  #closed(error: ClientError | undefined): void {
    this.#members.clear();
    this.#error = error;
    this.view.changed();
  }

  #snapshot(): PresenceSnapshot {
    const members = [...this.#members.values()];
    return this.#error === undefined ? { members } : { members, error: this.#error };
  }
}
