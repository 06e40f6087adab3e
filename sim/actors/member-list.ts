import type { PresenceEvent } from "../../packages/client/src/api.ts";

/** The members of a channel as one reader was told of them. */
export class MemberList {
  readonly states = new Map<string, unknown>();

  take({ event, members }: PresenceEvent): void {
    if (event === "members") this.states.clear();
    for (const { clientId, state } of members) {
      if (event === "leave") this.states.delete(clientId);
      else this.states.set(clientId, state);
    }
  }
}
