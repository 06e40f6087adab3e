/**
 * The views of one client. Components that look at the same thing share one; it is closed when nobody has looked for a moment, because React
 * (in StrictMode, or from one page to the next) unmounts what it mounts again at once.
 */
import type { TachikomaClient, Unsubscribe } from "../api.ts";
import type { OpenView } from "./view.ts";

const GRACE_MS = 50;

/** What is looked at: two components mean the same when their keys are the same. */
export interface ViewSource<Snapshot> {
  readonly key: unknown;
  open(): OpenView<Snapshot>;
}

interface Shared {
  readonly opened: OpenView<unknown>;
  watcherCount: number;
  closing: ReturnType<typeof setTimeout> | undefined;
}

export class SharedViews {
  readonly #byKey = new Map<unknown, Shared>();

  get size(): number {
    return this.#byKey.size;
  }

  snapshotOf<Snapshot>({ key }: ViewSource<Snapshot>): Snapshot | undefined {
    return this.#byKey.get(key)?.opened.view.snapshot as Snapshot | undefined;
  }

  watch(source: ViewSource<unknown>, watcher: () => void): Unsubscribe {
    const shared = this.#shared(source);
    shared.watcherCount += 1;
    clearTimeout(shared.closing);
    const stop = shared.opened.view.watch(watcher);
    return () => {
      stop();
      shared.watcherCount -= 1;
      if (shared.watcherCount === 0) this.#closeSoon(source.key, shared);
    };
  }

  /** Opens what a component is about to look at, and closes it when none does. */
  prepare(source: ViewSource<unknown>): void {
    this.#closeSoon(source.key, this.#shared(source));
  }

  #shared({ key, open }: ViewSource<unknown>): Shared {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const shared: Shared = { opened: open(), watcherCount: 0, closing: undefined };
    this.#byKey.set(key, shared);
    return shared;
  }

  #closeSoon(key: unknown, shared: Shared): void {
    clearTimeout(shared.closing);
    shared.closing = setTimeout(() => {
      this.#byKey.delete(key);
      shared.opened.view.close();
      shared.opened.close();
    }, GRACE_MS);
  }
}

const viewsByClient = new WeakMap<TachikomaClient, SharedViews>();

export function viewsOf(client: TachikomaClient): SharedViews {
  const known = viewsByClient.get(client);
  if (known !== undefined) return known;
  const views = new SharedViews();
  viewsByClient.set(client, views);
  return views;
}
