import type { Clock, Timer } from "../ports.ts";
import {
  type HeartbeatState,
  type HeartbeatTiming,
  onHeartbeatTimer,
  onPong,
  startHeartbeat,
} from "./heartbeat.ts";
import type { Checkpoint } from "./subscriptions.ts";

export interface HeartEffects {
  ping(checkpoint: number): void;
  /** What has been written up to now. */
  checkpoint(): Checkpoint;
  /** The peer has read all of it. */
  confirmed(checkpoint: Checkpoint): void;
  dead(): void;
}

/** Runs the heartbeat of one connection: one timer, and the checkpoint that the open ping stands for. */
export class Heart {
  readonly #clock: Clock;
  readonly #timing: HeartbeatTiming;
  readonly #effects: HeartEffects;
  #state: HeartbeatState | undefined;
  #timer: Timer | undefined;
  #open: Checkpoint = [];

  constructor(clock: Clock, timing: HeartbeatTiming, effects: HeartEffects) {
    this.#clock = clock;
    this.#timing = timing;
    this.#effects = effects;
  }

  start(): void {
    const nowMs = this.#clock.monotonicMs();
    const state = startHeartbeat(this.#timing, nowMs);
    this.#state = state;
    this.#wakeAt(nowMs + this.#timing.pingIntervalMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#state = undefined;
  }

  pong(checkpoint: number): void {
    if (this.#state === undefined) return;
    const next = onPong(this.#state, checkpoint, this.#timing, this.#clock.monotonicMs());
    if (next === undefined) return;
    this.#state = next.state;
    const confirmed = this.#open;
    this.#open = [];
    this.#wakeAt(next.wakeAtMs);
    this.#effects.confirmed(confirmed);
  }

  #wakeAt(atMs: number): void {
    this.#timer?.cancel();
    const delayMs = Math.max(0, atMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.setTimer(delayMs, () => this.#ring());
  }

  #ring(): void {
    if (this.#state === undefined) return;
    const step = onHeartbeatTimer(this.#state, this.#timing, this.#clock.monotonicMs());
    switch (step.kind) {
      case "dead":
        this.stop();
        return this.#effects.dead();
      case "wait":
        this.#state = step.state;
        return this.#wakeAt(step.wakeAtMs);
      case "ping":
        this.#state = step.state;
        // Taken before the ping is written: what is written later may arrive later than the pong is sent.
        this.#open = this.#effects.checkpoint();
        this.#wakeAt(step.wakeAtMs);
        return this.#effects.ping(step.checkpoint);
      case "beat":
        this.#state = step.state;
        this.#wakeAt(step.wakeAtMs);
        this.#effects.ping(step.checkpoint);
        // Confirms nothing, and keeps the session from expiring under its connection.
        return this.#effects.confirmed([]);
    }
  }
}
