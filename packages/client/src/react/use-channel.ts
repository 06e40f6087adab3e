import { useMemo } from "react";
import type { ExecuteOptions, Execution, Published, TachikomaClient } from "../api.ts";
import {
  type ChannelOptions,
  type ChannelSnapshot,
  ChannelView,
  IDLE_CHANNEL,
  JOINING_CHANNEL,
} from "./channel-view.ts";
import { clientOf } from "./client-of.ts";
import type { ViewSource } from "./shared-views.ts";
import { useTachikoma } from "./tachikoma-provider.ts";
import { useView } from "./use-view.ts";

export interface UsedChannel extends ChannelSnapshot {
  /** Resolves when the record is stored; queued while offline. */
  publish(data: unknown): Promise<Published>;
  /** Runs a handler whose records go to this channel: it becomes one of the entries. */
  execute(handler: string, input: unknown, options?: ExecuteOptions): Promise<string>;
}

/**
 * Follows a channel: what it has delivered so far, and the ways to add to it. Components that follow the same channel from the same place
 * share one subscription.
 *
 * @param name `undefined` follows none
 * @example
 * const { messages, publish } = useChannel("room:1", { since: "start" });
 */
export function useChannel(name: string | undefined, options: ChannelOptions = {}): UsedChannel {
  const client = useTachikoma();
  const { since, position, maxEntries } = options;
  const source = useMemo((): ViewSource<ChannelSnapshot> | undefined => {
    if (client === undefined || name === undefined) return undefined;
    const wanted = {
      ...(since !== undefined && { since }),
      ...(position !== undefined && { position }),
      ...(maxEntries !== undefined && { maxEntries }),
    };
    const key = JSON.stringify(["channel", name, since, position, maxEntries]);
    return { key, open: () => new ChannelView(client, name, wanted) };
  }, [client, name, since, position, maxEntries]);
  const snapshot = useView(client, source, name === undefined ? IDLE_CHANNEL : JOINING_CHANNEL);
  const actions = useMemo(() => actionsOf(client, name), [client, name]);
  return useMemo(() => ({ ...snapshot, ...actions }), [snapshot, actions]);
}

function actionsOf(client: TachikomaClient | undefined, name: string | undefined) {
  const channel = () => {
    if (name === undefined) throw new TypeError("useChannel has been given no channel");
    return clientOf(client).channel(name);
  };
  return {
    publish: async (data: unknown) => channel().publish(data),
    execute: async (handler: string, input: unknown, options?: ExecuteOptions) =>
      idOf(channel().execute(handler, input, options)),
  };
}

/** What it writes is read from the channel: a reader of its own would be one too many. */
async function idOf(execution: Execution): Promise<string> {
  try {
    return await execution.id;
  } finally {
    execution.detach();
  }
}
