import type { Store } from "../../packages/server/src/stores/store.ts";

/** A store that answers at once: what stands behind a path, which decides when answers arrive. */
export type SyncStore = {
  readonly [Name in keyof Store]: Store[Name] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result
    : Store[Name];
};
