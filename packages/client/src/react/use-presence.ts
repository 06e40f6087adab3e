import { useEffect, useMemo } from "react";
import { NOBODY, type PresenceSnapshot, PresenceView } from "./presence-view.ts";
import type { ViewSource } from "./shared-views.ts";
import { useTachikoma } from "./tachikoma-provider.ts";
import { useView } from "./use-view.ts";

/**
 * Who is in a channel. With a `state` this client is one of them; without, it only looks. Presence has to be enabled for the channel's
 * namespace on the server.
 *
 * @param name `undefined` looks at none
 * @param state what the others see of this client; said again when its JSON changes, and after every reconnect
 * @example
 * const { members } = usePresence("room:1", { name: "Ann", isTyping });
 */
export function usePresence(name: string | undefined, state?: unknown): PresenceSnapshot {
  const client = useTachikoma();
  const source = useMemo((): ViewSource<PresenceSnapshot> | undefined => {
    if (client === undefined || name === undefined) return undefined;
    return { key: JSON.stringify(["presence", name]), open: () => new PresenceView(client, name) };
  }, [client, name]);
  const snapshot = useView(client, source, NOBODY);
  const said = JSON.stringify(state);
  const isClosed = snapshot.error !== undefined;
  // After the effect that follows the channel: who is not there yet cannot be seen.
  useEffect(() => {
    if (client === undefined || name === undefined || said === undefined || isClosed) return;
    if (client.status.state !== "closed") client.channel(name).presence(JSON.parse(said));
  }, [client, name, said, isClosed]);
  return snapshot;
}
