/**
 * Which nodes have somebody who follows a channel. A node stands in the roster of a channel while it has a cursor there, so that
 * the node which runs an execution knows of watchers that are not its own.
 */
import type { LogKey } from "../../stores/store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { isInbox } from "../session/inbox.ts";
import type { VouchedEntries } from "./vouched-entries.ts";

export interface WatchersOptions {
  readonly vouched: VouchedEntries;
  readonly nodeId: string;
}

export class Watchers {
  readonly #options: WatchersOptions;

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  onReadersChanged({ key, cursors }: ChannelLog): void {
    if (isInbox(key.channel)) return;
    const { vouched, nodeId } = this.#options;
    const roster = { tenant: key.tenant, name: key.channel };
    // What fails is tried again by itself.
    if (cursors.size > 0) vouched.put(roster, nodeId, "{}").catch(() => undefined);
    else vouched.drop(roster, nodeId);
  }

  /** True when another node has somebody who follows the channel. @throws STORE_UNAVAILABLE */
  async isWatchedElsewhere({ tenant, channel }: LogKey): Promise<boolean> {
    const { vouched, nodeId } = this.#options;
    const { entries } = await vouched.look({ tenant, name: channel });
    return entries.some(({ id }) => id !== nodeId);
  }
}
