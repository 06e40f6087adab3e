import { useCallback, useSyncExternalStore } from "react";
import type { ConnectionStatus, TachikomaClient } from "../api.ts";
import { useTachikoma } from "./tachikoma-provider.ts";

const BEFORE_ANY: ConnectionStatus = { state: "connecting", attempt: 1 };

/** The client makes its status anew each time; React wants the same object for the same status. */
const shown = new WeakMap<TachikomaClient, ConnectionStatus>();

/**
 * Where the connection stands: `connecting`, `online`, `waiting` (until `untilMs`), `offline` or `closed`.
 *
 * @example
 * const connection = useConnection();
 * return connection.state === "online" ? null : <p>Reconnecting...</p>;
 */
export function useConnection(): ConnectionStatus {
  const client = useTachikoma();
  const watch = useCallback((watcher: () => void) => client?.on("status", watcher) ?? (() => {}), [client]);
  const look = () => (client === undefined ? BEFORE_ANY : statusOf(client));
  return useSyncExternalStore(watch, look, () => BEFORE_ANY);
}

function statusOf(client: TachikomaClient): ConnectionStatus {
  const { status } = client;
  const last = shown.get(client);
  if (last !== undefined && JSON.stringify(last) === JSON.stringify(status)) return last;
  shown.set(client, status);
  return status;
}
