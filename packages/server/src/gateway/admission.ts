/**
 * Whether an upgrade is let in, from how busy this process is. A refusal costs some microseconds; a connection that is let in costs
 * a session, its logs and its replay, and those who are connected already pay for it with their delay.
 *
 *   open      everyone is let in
 *   resuming  only who comes back with a session: cheaper than a fresh one, and somebody is in the middle of something
 *   closed    nobody
 *
 * Every measure has a limit for either. What is measured over a while has to fall below a share of the limit that it was beyond: a
 * server at its limit does not change its mind with each window.
 */

export interface Load {
  /** How late timers are, 99th percentile of the last seconds. */
  readonly delayP99Ms: number;
  /** Share of the last seconds in which the event loop was working, 0 to 1. */
  readonly utilization: number;
  /** Share of the heap's limit that is in use, 0 to 1. */
  readonly heapShare: number;
  /** Upgrades under way and connections that have not been welcomed yet, now. */
  readonly handshakeCount: number;
}

export interface AdmissionLimits {
  readonly maxDelayMs: number;
  readonly maxUtilization: number;
  readonly maxHeapShare: number;
  readonly maxHandshakes: number;
}

export const SHED_REASONS = [
  "event_loop_delay",
  "event_loop_utilization",
  "heap",
  "pending_handshakes",
] as const;
export type ShedReason = (typeof SHED_REASONS)[number];

export const ADMISSION_LEVELS = ["open", "resuming", "closed"] as const;
export type AdmissionLevel = (typeof ADMISSION_LEVELS)[number];

/** Where each measure stands. */
export type Admission = Readonly<Record<ShedReason, AdmissionLevel>>;

export const EVERYONE_ADMITTED: Admission = {
  event_loop_delay: "open",
  event_loop_utilization: "open",
  heap: "open",
  pending_handshakes: "open",
};

/** A level is left below this share of the limit that led to it. */
const LEAVING_SHARE = 0.95;

/** What a measure may reach before fresh connections are refused, and before those that resume are. */
interface Bounds {
  readonly fresh: number;
  readonly resuming: number;
}

export function nextAdmission(before: Admission, load: Load, limits: AdmissionLimits): Admission {
  return {
    event_loop_delay: levelOf(ownDelayMs(load), tenfold(limits.maxDelayMs), before.event_loop_delay),
    event_loop_utilization: levelOf(
      load.utilization,
      // A loop that has no rest and is on time can still take back who was there before.
      { fresh: limits.maxUtilization, resuming: Number.POSITIVE_INFINITY },
      before.event_loop_utilization,
    ),
    heap: levelOf(load.heapShare, halfWayToFull(limits.maxHeapShare), before.heap),
    // Counted now, and about those who knock now: there is nothing to wait for.
    pending_handshakes: levelOf(load.handshakeCount, tenfold(limits.maxHandshakes), "open"),
  };
}

/** A loop that rests nearly all the time is late because of others on its machine: refusing somebody would not make it earlier. */
const IDLE_UTILIZATION = 0.1;

function ownDelayMs({ delayP99Ms, utilization }: Load): number {
  return utilization < IDLE_UTILIZATION ? 0 : delayP99Ms;
}

/** Why somebody is refused; `undefined` when he is let in. */
export function shedReason(admission: Admission, isResuming: boolean): ShedReason | undefined {
  return SHED_REASONS.find((reason) => {
    const level = admission[reason];
    return level === "closed" || (level === "resuming" && !isResuming);
  });
}

/** The strictest level of all measures. */
export function admissionLevel(admission: Admission): AdmissionLevel {
  if (shedReason(admission, true) !== undefined) return "closed";
  return shedReason(admission, false) === undefined ? "open" : "resuming";
}

/** Who comes back with a session is asked to wait less, so that it is there before those who are new. */
const RETRY_AFTER_RANGE_MS = { resuming: [1_000, 5_000], fresh: [2_000, 10_000] } as const;

/** When to knock again; spread, so that those who were refused together do not come back together. */
export function retryAfterMs(isResuming: boolean, fraction: number): number {
  const [min, max] = RETRY_AFTER_RANGE_MS[isResuming ? "resuming" : "fresh"];
  return Math.round(min + fraction * (max - min));
}

function levelOf(value: number, bounds: Bounds, before: AdmissionLevel): AdmissionLevel {
  if (isBeyond(value, bounds.resuming, before === "closed")) return "closed";
  return isBeyond(value, bounds.fresh, before !== "open") ? "resuming" : "open";
}

function isBeyond(value: number, bound: number, wasBeyond: boolean): boolean {
  return value > (wasBeyond ? bound * LEAVING_SHARE : bound);
}

/** A herd that lost another node is let in at a pace (`handshake-lane.ts`): to refuse it would only send it round once more. */
function tenfold(limit: number): Bounds {
  return { fresh: limit, resuming: 10 * limit };
}

function halfWayToFull(limit: number): Bounds {
  return { fresh: limit, resuming: (limit + 1) / 2 };
}
