/** What becomes of executions that nobody watches. Losing a socket is not a stop, unless the execution was started with one. */
import type { OnUnwatched } from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Clock, Timer } from "../ports.ts";
import type { Execution } from "./execution.ts";

interface Watched {
  readonly execution: Execution;
  readonly cancelAfterMs: number;
  timer: Timer | undefined;
}

export class UnwatchedPolicies {
  readonly #clock: Clock;
  #isClosed = false;
  readonly #byChannel = new Map<string, Map<Execution, Watched>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param log the execution's log, when anyone on this node has it open */
  add(execution: Execution, onUnwatched: OnUnwatched, log: ChannelLog | undefined): void {
    if (onUnwatched === "keep") return;
    const cancelAfterMs = onUnwatched === "cancel" ? 0 : onUnwatched.cancelAfter * 1_000;
    const watched: Watched = { execution, cancelAfterMs, timer: undefined };
    const id = idOf(execution.key);
    const here = this.#byChannel.get(id) ?? new Map<Execution, Watched>();
    here.set(execution, watched);
    this.#byChannel.set(id, here);
    this.#apply(watched, log?.cursors.size ?? 0);
  }

  remove(execution: Execution): void {
    const id = idOf(execution.key);
    const here = this.#byChannel.get(id);
    here?.get(execution)?.timer?.cancel();
    here?.delete(execution);
    if (here?.size === 0) this.#byChannel.delete(id);
  }

  onReadersChanged(log: ChannelLog): void {
    const here = this.#byChannel.get(idOf(log.key));
    if (here === undefined) return;
    for (const watched of here.values()) this.#apply(watched, log.cursors.size);
  }

  /** Nothing is cancelled any more. */
  close(): void {
    this.#isClosed = true;
    for (const here of this.#byChannel.values()) for (const { timer } of here.values()) timer?.cancel();
  }

  #apply(watched: Watched, watcherCount: number): void {
    if (this.#isClosed) return;
    if (watcherCount > 0) {
      watched.timer?.cancel();
      watched.timer = undefined;
      return;
    }
    const cancel = () =>
      watched.execution.stop({ kind: "cancelled", reason: "unwatched", sender: undefined });
    if (watched.cancelAfterMs === 0) return cancel();
    watched.timer ??= this.#clock.setTimer(watched.cancelAfterMs, cancel);
  }
}

function idOf(key: LogKey): string {
  return `${key.tenant}\u0000${key.channel}`;
}
