/**
 * How connections leave a node that stops while other nodes can take them: each is told a moment of its own, and closed a little
 * later if it is still there.
 *
 *   batch 0   |--leave--|.........|close
 *   batch 1             |--leave--|.........|close
 *   batch 2                       |--leave--|.........|close
 *
 * The moments are spread over the whole time and as many fall into each interval, so that the other nodes are never met by a herd.
 */
import type { ErrorCode } from "@tachikoma/protocol";
import type { Connection } from "./connection/connection.ts";
import type { Clock, Random } from "./ports.ts";

/** Share of the connections that leaves in one interval; more where the time is too short for that. */
const BATCH_SHARE = 0.02;
const INTERVAL_MS = 250;

export interface Departure<Leaving> {
  readonly leaving: Leaving;
  /** When it is asked to leave, counted from the beginning. */
  readonly leaveInMs: number;
}

export interface DepartureBatch<Leaving> {
  readonly departures: readonly Departure<Leaving>[];
  /** When those are closed that have not left, counted from the beginning. */
  readonly closeInMs: number;
}

/** Everybody has left within `graceMs`. */
export function planDepartures<Leaving>(
  everybody: readonly Leaving[],
  graceMs: number,
  fraction: () => number,
): readonly DepartureBatch<Leaving>[] {
  // The last batch too gets an interval of patience.
  const intervalCount = Math.max(1, Math.floor(graceMs / INTERVAL_MS) - 1);
  const share = Math.max(BATCH_SHARE, 1 / intervalCount);
  const batchSize = Math.max(1, Math.ceil(everybody.length * share));
  const batches: DepartureBatch<Leaving>[] = [];
  for (let first = 0; first < everybody.length; first += batchSize) {
    const startMs = batches.length * INTERVAL_MS;
    const departures = everybody.slice(first, first + batchSize).map((leaving) => ({
      leaving,
      leaveInMs: Math.min(graceMs, Math.floor(startMs + fraction() * INTERVAL_MS)),
    }));
    batches.push({ departures, closeInMs: Math.min(graceMs, startMs + 2 * INTERVAL_MS) });
  }
  return batches;
}

/** Why a server stops, as its clients are told. */
export type StopCode = Extract<ErrorCode, "SERVER_RESTARTING" | "SERVER_GOING_AWAY">;

export interface DrainOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly graceMs: number;
  readonly code: StopCode;
}

/** Sends connections away, and resolves when they have left. */
export async function drainConnections(
  connections: readonly Connection[],
  { clock, random, graceMs, code }: DrainOptions,
): Promise<void> {
  const startMs = clock.monotonicMs();
  const batches = planDepartures(connections, graceMs, () => random.fraction());
  for (const { departures } of batches) {
    for (const { leaving, leaveInMs } of departures) askToLeave(leaving, leaveInMs, code);
  }
  for (const { departures, closeInMs } of batches) {
    if (departures.every(({ leaving }) => leaving.isClosed)) continue;
    const delayMs = startMs + closeInMs - clock.monotonicMs();
    await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
    for (const { leaving } of departures) leaving.close(code);
  }
}

/** Asks a client to come back later. One that has not been welcomed yet is told nothing else before. */
export function askToLeave(connection: Connection, inMs: number, code: StopCode): void {
  if (!connection.isOpen) return;
  const reason = code === "SERVER_RESTARTING" ? "restarting" : "going_away";
  connection.send({ type: "reconnect", inMs, reason });
}
