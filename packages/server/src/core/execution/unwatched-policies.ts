/**
 * What becomes of executions that nobody watches. Losing a socket is not a stop, unless the execution was started with one.
 *
 * Where other nodes may have watchers, one that lost its own asks before it cancels, and again as long as it has none. Without
 * an answer it does not cancel.
 */
import type { OnUnwatched } from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import type { Execution } from "./execution.ts";

const LOOK_INTERVAL_MS = 1_000;

export interface UnwatchedPoliciesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asks whether other nodes have watchers; absent where there are no other nodes. */
  readonly isWatchedElsewhere: ((key: LogKey) => Promise<boolean>) | undefined;
}

interface Watched {
  readonly execution: Execution;
  readonly cancelAfterMs: number;
  /** Monotonic time from which on nobody was seen to watch. */
  unwatchedSinceMs: number | undefined;
}

interface WatchedChannel {
  readonly key: LogKey;
  readonly executions: Map<Execution, Watched>;
  localWatcherCount: number;
  /** Counts the changes of the local watchers: an answer to a question from before is no answer. */
  changeCount: number;
  isLooking: boolean;
  /** What makes this channel be judged again, and when, in monotonic time. */
  next: { readonly timer: Timer; readonly dueMs: number } | undefined;
}

/** Those who watched an execution were perhaps cut off with its owner, and wait for up to so long before they try again. */
const RESTART_GRACE_SECS = 30;

/** The policy of an execution that is run anew: whoever watched it is given the time to come back. */
export function afterRestart(onUnwatched: OnUnwatched): OnUnwatched {
  if (onUnwatched === "keep") return onUnwatched;
  const askedSecs = onUnwatched === "cancel" ? 0 : onUnwatched.cancelAfter;
  return { cancelAfter: Math.max(askedSecs, RESTART_GRACE_SECS) };
}

export class UnwatchedPolicies {
  readonly #options: UnwatchedPoliciesOptions;
  readonly #channels = new Map<string, WatchedChannel>();
  #isClosed = false;

  constructor(options: UnwatchedPoliciesOptions) {
    this.#options = options;
  }

  /** @param log the execution's log, when anyone on this node has it open */
  add(execution: Execution, onUnwatched: OnUnwatched, log: ChannelLog | undefined): void {
    if (onUnwatched === "keep") return;
    const cancelAfterMs = onUnwatched === "cancel" ? 0 : onUnwatched.cancelAfter * 1_000;
    const id = idOf(execution.key);
    const channel = this.#channels.get(id) ?? watchedChannel(execution.key);
    channel.localWatcherCount = log?.cursors.size ?? 0;
    channel.executions.set(execution, { execution, cancelAfterMs, unwatchedSinceMs: undefined });
    this.#channels.set(id, channel);
    this.#apply(channel);
  }

  remove(execution: Execution): void {
    const id = idOf(execution.key);
    const channel = this.#channels.get(id);
    if (channel === undefined) return;
    channel.executions.delete(execution);
    if (channel.executions.size > 0) return;
    channel.next?.timer.cancel();
    this.#channels.delete(id);
  }

  onReadersChanged(log: ChannelLog): void {
    const channel = this.#channels.get(idOf(log.key));
    if (channel === undefined) return;
    channel.localWatcherCount = log.cursors.size;
    channel.changeCount += 1;
    this.#apply(channel);
  }

  /** Nothing is cancelled any more. */
  close(): void {
    this.#isClosed = true;
    for (const { next } of this.#channels.values()) next?.timer.cancel();
  }

  #apply(channel: WatchedChannel): void {
    if (this.#isClosed) return;
    channel.next?.timer.cancel();
    channel.next = undefined;
    if (channel.localWatcherCount > 0) this.#noteWatched(channel);
    else if (this.#options.isWatchedElsewhere !== undefined) this.#look(channel);
    else this.#judge(channel, this.#options.clock.monotonicMs());
  }

  /** One question at a time for each channel. */
  #look(channel: WatchedChannel): void {
    const { clock, logger, isWatchedElsewhere } = this.#options;
    if (channel.isLooking || isWatchedElsewhere === undefined) return;
    channel.isLooking = true;
    const { changeCount } = channel;
    const askedAtMs = clock.monotonicMs();
    isWatchedElsewhere(channel.key)
      .then(
        (isWatched) => {
          if (channel.changeCount !== changeCount) return;
          if (isWatched) this.#noteWatched(channel);
          else this.#judge(channel, askedAtMs);
        },
        (cause: unknown) => logger.warn({ err: cause }, "It is not known whether an execution is watched"),
      )
      .finally(() => {
        channel.isLooking = false;
        if (channel.localWatcherCount > 0) return;
        if (channel.changeCount !== changeCount) this.#apply(channel);
        else this.#applyLater(channel, LOOK_INTERVAL_MS);
      });
  }

  #noteWatched(channel: WatchedChannel): void {
    for (const watched of channel.executions.values()) watched.unwatchedSinceMs = undefined;
  }

  /** Nobody watched at this moment. */
  #judge(channel: WatchedChannel, atMs: number): void {
    for (const watched of [...channel.executions.values()]) {
      watched.unwatchedSinceMs ??= atMs;
      const leftMs = watched.unwatchedSinceMs + watched.cancelAfterMs - atMs;
      if (leftMs > 0) this.#applyLater(channel, leftMs);
      else watched.execution.stop({ kind: "cancelled", reason: "unwatched", sender: undefined });
    }
  }

  #applyLater(channel: WatchedChannel, delayMs: number): void {
    const { clock } = this.#options;
    const isKnown = this.#channels.get(idOf(channel.key)) === channel;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#isClosed || !isKnown || (channel.next !== undefined && channel.next.dueMs <= dueMs)) return;
    channel.next?.timer.cancel();
    channel.next = { timer: clock.setTimer(delayMs, () => this.#apply(channel)), dueMs };
  }
}

function watchedChannel(key: LogKey): WatchedChannel {
  return {
    key,
    executions: new Map(),
    localWatcherCount: 0,
    changeCount: 0,
    isLooking: false,
    next: undefined,
  };
}

function idOf(key: LogKey): string {
  return `${key.tenant}\u0000${key.channel}`;
}
