/**
 * Executions that have lost their owner. Whoever takes the lease ends them, or runs them anew where that was asked for:
 *
 *   lease expired --decide--> left to other nodes, for a while
 *                 `---------> taken --to interrupt, or ended already---> the end is stored, the lease given up
 *                                `--to restart--> `execution_restarted` is stored --> run here as the next attempt
 *
 * Everything that is stored on the way has an idempotency key and the fence of the new owner: what a node that died on the way has
 * done is not done twice, and of a former owner that wakes up nothing is stored any more.
 */
import type { Fence, Lease, NewRecord, Store } from "../../stores/store.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { LeaseOutcome, Observer } from "../observer.ts";
import type { Clock, Logger } from "../ports.ts";
import type { AppendPlace } from "./chunk-writer.ts";
import { type Execution, endKey, restartKey, startKey } from "./execution.ts";
import { terminalRecord } from "./execution-end.ts";
import { decodeLeaseBody, LEASE_PREFIX, type LeaseBody, type Run } from "./lease-body.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { isEndStored } from "./stored-end.ts";
import { decideTakeover, type OrphanState, type TakeoverDecision } from "./takeover-decision.ts";

/** Leases that are read at a time. Each may carry the input of its execution. */
const MAX_READ_AT_ONCE = 32;

/** Pauses between tries to take an execution whose lease the store has lost. */
const LOST_RETRY_MS = [200, 1_000, 3_000, 5_000, 5_000, 5_000] as const;

export interface OrphansOptions {
  readonly store: Store;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly leases: Pick<LeaseKeeper, "acquire" | "isKept">;
  readonly leaseTtlMs: number;
  /** Why this node cannot run it now; `undefined` when it can. */
  readonly refusalOf: (body: LeaseBody, run: Run) => string | undefined;
  /** Whether a cancel was accepted by an owner that did not live to carry it out. */
  readonly wasCancelled: (body: LeaseBody) => Promise<boolean>;
  /** Takes the place for it, in the turn in which there was one, until it runs or is known not to. */
  readonly hold: (body: LeaseBody, run: Run, started: Promise<boolean>) => void;
  /** Runs an execution whose lease is held here. */
  readonly run: (body: LeaseBody, run: Run, lease: Lease, begin: AppendPlace) => void;
}

export class Orphans {
  readonly #options: OrphansOptions;
  #isLooking = false;

  constructor(options: OrphansOptions) {
    this.#options = options;
  }

  /** Looks for leases that have run out, unless such a look is under way. */
  look(): void {
    if (this.#isLooking) return;
    const { clock, logger } = this.#options;
    this.#isLooking = true;
    this.takeExpired(clock.nowMs())
      .catch((cause: unknown) => logger.error({ err: cause }, "Leases could not be looked after"))
      .finally(() => {
        this.#isLooking = false;
      });
  }

  /**
   * Takes the executions whose owner let the lease expire.
   *
   * @param expiredAtMs leases that end before this have no owner: the time now, or later where no other owner can exist
   */
  async takeExpired(expiredAtMs: number): Promise<void> {
    const { store, leases } = this.#options;
    for (;;) {
      const found = await store.expiredLeases(LEASE_PREFIX, expiredAtMs, MAX_READ_AT_ONCE);
      let leftCount = 0;
      for (const orphan of found) {
        const isLeft = leases.isKept(orphan.name) || (await this.#take(orphan)) === "left";
        if (isLeft) leftCount += 1;
      }
      if (found.length < MAX_READ_AT_ONCE || leftCount === found.length) return;
    }
  }

  /**
   * Takes an execution that was fenced off although nobody took it over: the store has lost its lease, so that nobody else would
   * find it. Does nothing while anyone holds the lease.
   */
  async takeLost(execution: Execution, body: LeaseBody): Promise<void> {
    const { clock, logger } = this.#options;
    for (const retryMs of LOST_RETRY_MS) {
      try {
        const decision = this.#decide(body.run, { ...HELD_HERE, refusal: this.#refusalOf(body) });
        await this.#takeAs(decision, body, clock.nowMs());
        return;
      } catch (cause) {
        logger.warn({ err: cause, executionId: execution.id }, "Lost execution not taken yet");
        await new Promise<void>((resolve) => clock.setTimer(retryMs, resolve));
      }
    }
  }

  /** Takes an execution that was asked for again, and whose lease was free: there is a place for it here. True when it runs now. */
  async takeHeld(lease: Lease): Promise<boolean> {
    const decision = this.#decide(decodeLeaseBody(lease.body).run, { ...HELD_HERE, refusal: undefined });
    return (await this.#settle(lease, decision)) === "restarted";
  }

  async #take(orphan: Lease): Promise<"left" | "taken"> {
    const { clock, leaseTtlMs, observer, store } = this.#options;
    const { expiresAtMs } = orphan;
    const body = decodeLeaseBody(orphan.body);
    const decision = this.#decide(body.run, {
      expiredAtMs: expiresAtMs,
      refusal: this.#refusalOf(body),
      // Each of the others looks several times meanwhile.
      leaveToOthersMs: store.isShared ? leaseTtlMs : 0,
    });
    if (decision.kind === "leave") return "left";
    const outcome = await this.#takeAs(decision, body, Math.max(clock.nowMs(), expiresAtMs));
    if (outcome !== undefined) observer.leaseTakenOver(outcome);
    return "taken";
  }

  /** `undefined` when somebody else has the lease. */
  #takeAs(decision: TakeoverDecision, body: LeaseBody, nowMs: number): Promise<LeaseOutcome | undefined> {
    const { leases, hold } = this.#options;
    const taking = leases
      .acquire(nextBody(body, decision), nowMs)
      .then((lease) => (lease === undefined ? undefined : this.#settle(lease, decision)));
    if (decision.kind === "restart" && body.run !== undefined) {
      hold(
        body,
        body.run,
        taking.then((outcome) => outcome === undefined || outcome === "restarted"),
      );
    }
    return taking;
  }

  #decide(run: Run | undefined, state: Omit<OrphanState, "run" | "nowMs">): TakeoverDecision {
    return decideTakeover({ run, nowMs: this.#options.clock.nowMs(), ...state });
  }

  #refusalOf(body: LeaseBody): string | undefined {
    return body.run === undefined ? undefined : this.#options.refusalOf(body, body.run);
  }

  async #settle(lease: Lease, decision: TakeoverDecision): Promise<LeaseOutcome> {
    const { logger } = this.#options;
    const body = decodeLeaseBody(lease.body);
    const about = { executionId: body.executionId, channel: body.channel };
    if (decision.kind === "restart" && (await this.#restart(lease, body, decision.attempt))) {
      logger.info({ ...about, attempt: decision.attempt }, "Runs an execution anew whose owner is gone");
      return "restarted";
    }
    const hasEndedNow = await this.#end(lease, body);
    if (!hasEndedNow) return "ended";
    const why =
      decision.kind === "interrupt" ? decision.why : "it was cancelled, or its last attempt is lost";
    logger.info({ ...about, why }, "Ended an execution whose owner is gone");
    return "interrupted";
  }

  /** False when it has ended, when it is not wanted any more, or when this attempt has begun under an owner that is gone by now. */
  async #restart(lease: Lease, body: LeaseBody, attempt: number): Promise<boolean> {
    const { store, hub, clock, wasCancelled } = this.#options;
    const { executionId, run } = body;
    const key = { tenant: body.tenant, channel: body.channel };
    if (run === undefined || (await isEndStored(store, key, executionId, clock.nowMs()))) return false;
    if (await wasCancelled(body)) return false;
    await this.#appendStart(lease, body);
    const announced = await hub.append(key, [restartedRecord(executionId, attempt)], {
      fence: fenceOf(lease),
      idempotencyKey: restartKey(executionId, attempt),
    });
    if (announced.isDuplicate) return false;
    const next = { ...run, attempt };
    this.#options.run({ ...body, run: next }, next, lease, announced);
    return true;
  }

  /** Writes the end, unless there is one, and gives the lease up. True when it was written now. */
  async #end(lease: Lease, body: LeaseBody): Promise<boolean> {
    const { store, hub, clock } = this.#options;
    const key = { tenant: body.tenant, channel: body.channel };
    // A store that lost its tail can have the end without the start: nothing may come after it.
    if (await isEndStored(store, key, body.executionId, clock.nowMs())) {
      await store.releaseLease(lease.name, lease.token);
      return false;
    }
    await this.#appendStart(lease, body);
    const end = terminalRecord(body.executionId, { kind: "interrupted", reason: "owner_lost" }, {});
    const idempotencyKey = endKey(body.executionId);
    const ended = await hub.append(key, [end], { fence: fenceOf(lease), idempotencyKey });
    await store.releaseLease(lease.name, lease.token);
    return !ended.isDuplicate;
  }

  /** The owner may have died between taking the lease and writing the start: nothing else makes sense without it. */
  #appendStart(lease: Lease, { tenant, channel, executionId, started }: LeaseBody): Promise<unknown> {
    const options = { fence: fenceOf(lease), idempotencyKey: startKey(executionId) };
    return this.#options.hub.append({ tenant, channel }, [started], options);
  }
}

/** Of a lease that nobody else can have: there is nothing to leave to others. */
const HELD_HERE = { expiredAtMs: 0, leaveToOthersMs: 0 };

function fenceOf({ name, token }: Lease): Fence {
  return { lease: name, token };
}

function nextBody(body: LeaseBody, decision: TakeoverDecision): LeaseBody {
  if (body.run === undefined || decision.kind !== "restart") return body;
  return { ...body, run: { ...body.run, attempt: decision.attempt } };
}

function restartedRecord(executionId: string, attempt: number): NewRecord {
  return { type: "execution_restarted", executionId, body: JSON.stringify({ attempt }) };
}
