import type { Unsubscribe } from "../api.ts";
import { inNextFrame, notInNextFrame } from "./frame.ts";

/** What components see of something that changes: a snapshot that stays the same object until the frame in which it is replaced. */
export class View<Snapshot> {
  #snapshot: Snapshot;
  readonly #take: () => Snapshot;
  readonly #watchers = new Set<() => void>();
  readonly #show = () => {
    this.#snapshot = this.#take();
    for (const watcher of [...this.#watchers]) watcher();
  };

  constructor(first: Snapshot, take: () => Snapshot) {
    this.#snapshot = first;
    this.#take = take;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  watch(watcher: () => void): Unsubscribe {
    // Wrapped, so that one function added twice is two watchers.
    const entry = () => watcher();
    this.#watchers.add(entry);
    return () => {
      this.#watchers.delete(entry);
    };
  }

  /** Another snapshot is to be taken. */
  changed(): void {
    inNextFrame(this.#show);
  }

  close(): void {
    notInNextFrame(this.#show);
    this.#watchers.clear();
  }
}

/** A view, and what feeds it. */
export interface OpenView<Snapshot> {
  readonly view: View<Snapshot>;
  close(): void;
}
