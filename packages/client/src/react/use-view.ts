import { useCallback, useSyncExternalStore } from "react";
import type { TachikomaClient } from "../api.ts";
import { type ViewSource, viewsOf } from "./shared-views.ts";

/** Looks at a source. Nothing is opened while rendering: a render that React throws away leaves nothing behind. */
export function useView<Snapshot>(
  client: TachikomaClient | undefined,
  source: ViewSource<Snapshot> | undefined,
  unopened: Snapshot,
): Snapshot {
  const watch = useCallback(
    (watcher: () => void) => {
      if (client === undefined || source === undefined) return () => {};
      return viewsOf(client).watch(source, watcher);
    },
    [client, source],
  );
  const look = () => {
    if (client === undefined || source === undefined) return unopened;
    return viewsOf(client).snapshotOf(source) ?? unopened;
  };
  return useSyncExternalStore(watch, look, () => unopened);
}
