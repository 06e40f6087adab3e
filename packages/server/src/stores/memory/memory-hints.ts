import { compositeKey } from "../composite-key.ts";
import type { HintListener, LogKey, LogState } from "../store.ts";

/** What one node follows. */
export class MemoryFollower {
  readonly followed = new Set<string>();
  listener: HintListener | undefined;
}

/** Carries hints between the nodes that share one memory. They arrive in a later turn, as they would over a network. */
export class MemoryHints {
  readonly #followers = new Set<MemoryFollower>();

  join(follower: MemoryFollower): void {
    this.#followers.add(follower);
  }

  leave(follower: MemoryFollower): void {
    this.#followers.delete(follower);
  }

  head(from: MemoryFollower, key: LogKey, { head }: LogState): void {
    this.#tell(from, key, (listener) => listener.onHead(key, head));
  }

  note(from: MemoryFollower, key: LogKey, note: string): void {
    this.#tell(from, key, (listener) => listener.onNote(key, note));
  }

  #tell(from: MemoryFollower, key: LogKey, tell: (listener: HintListener) => void): void {
    if (this.#followers.size === 1 && this.#followers.has(from)) return;
    const id = compositeKey(key.tenant, key.channel);
    for (const follower of this.#followers) {
      if (follower === from || !follower.followed.has(id)) continue;
      queueMicrotask(() => {
        if (this.#followers.has(follower) && follower.listener !== undefined) tell(follower.listener);
      });
    }
  }
}
