/**
 * Executions of this node: starting them once however often they are asked for, and ending them when the last watcher is gone or
 * the server stops. What is asked of them meanwhile is in `execution-commands.ts`.
 */
import { EXECUTION_NAMESPACE, type OnUnwatched, TachikomaError } from "@tachikoma/protocol";
import type { Handler } from "../../executions/handler.ts";
import type { Lease, LogKey, NewRecord, Store } from "../../stores/store.ts";
import type { NodeMail } from "../cluster/node-mail.ts";
import type { CommandMessage, ReceiptMessage } from "../cluster/node-message.ts";
import type { Identity } from "../identity.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Logger, Random } from "../ports.ts";
import { AppendPace } from "./append-pace.ts";
import { CancelMarks } from "./cancel-marks.ts";
import type { AppendPlace } from "./chunk-writer.ts";
import {
  type CommandReceipt,
  CommandReceipts,
  type ExecutionCommand,
  type Notify,
} from "./command-receipts.ts";
import { Execution, startKey } from "./execution.ts";
import { ExecutionCommands } from "./execution-commands.ts";
import { type ExecutionLimits, type ExecutionPlace, limitFault } from "./execution-limits.ts";
import { type LeaseBody, MAX_RUN_BYTES, type Run, runBytes } from "./lease-body.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { Orphans } from "./orphans.ts";
import { MAX_ATTEMPTS } from "./takeover-decision.ts";
import { afterRestart, UnwatchedPolicies } from "./unwatched-policies.ts";

export interface ExecutionServiceOptions {
  readonly store: Store;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly nodeId: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Those whose executions are run anew when their owner is lost. */
  readonly handlersToRestart?: ReadonlySet<string> | undefined;
  readonly limits: ExecutionLimits;
  readonly leaseTtlMs: number;
  /** How long a command's receipt is remembered. */
  readonly receiptTtlMs: number;
  /** How long deliveries are collected, as the load is now. */
  readonly flushWindowMs: () => number;
  /** The way to other nodes. */
  readonly mail: Pick<NodeMail, "send" | "sendAtLast">;
  /** Asks whether other nodes have watchers of a channel; absent where there are no other nodes. */
  readonly isWatchedElsewhere: ((key: LogKey) => Promise<boolean>) | undefined;
}

/** A command to execute, with the id that it has and will have however often it is sent. */
export interface ExecutionClaim {
  readonly tenant: string;
  readonly clientId: string;
  readonly handlerName: string;
  readonly executionId: string;
  readonly channel: string;
  /** The same command was claimed before. */
  readonly isRepeated: boolean;
}

export interface StartOptions {
  readonly identity: Identity;
  readonly sessionId: string | undefined;
  readonly input: unknown;
  readonly onUnwatched: OnUnwatched;
}

interface Starting extends ExecutionPlace {
  /** Resolves with false when it is not to run. */
  readonly started: Promise<boolean>;
}

/** Short: it stands in every frame of the execution. Not to be guessed all the same: 62 bits. */
const EXECUTION_ID_CHARS = 12;

/** How long a stopping server waits for handlers to let go of what they hold: a command gets 5 s before it is killed. */
const HANDLER_SETTLE_MS = 6_000;

export class ExecutionService {
  readonly #options: ExecutionServiceOptions;
  readonly #running = new Map<string, Execution>();
  /** Executions whose first record is being stored: they have their place already. */
  readonly #starting = new Map<string, Starting>();
  readonly #leases: LeaseKeeper;
  readonly #orphans: Orphans;
  readonly #receipts: CommandReceipts;
  readonly #cancelMarks: CancelMarks;
  readonly #unwatched: UnwatchedPolicies;
  readonly #commands: ExecutionCommands;
  readonly #pace: AppendPace;
  #isDraining = false;
  /** What ran when the drain began. */
  #drained: readonly Execution[] = [];

  constructor(options: ExecutionServiceOptions) {
    this.#options = options;
    this.#pace = new AppendPace({ ...options, maxCollectMs: options.limits.maxCollectMs });
    this.#leases = new LeaseKeeper({ ...options, onLook: () => this.#orphans.look() });
    this.#orphans = new Orphans({
      ...options,
      leases: this.#leases,
      refusalOf: (body, run) => this.#refusalOf(body, run),
      wasCancelled: ({ tenant, executionId }) => this.#cancelMarks.isMarked(tenant, executionId),
      hold: (body, run, started) => this.#hold(body, run, started),
      run: (body, run, lease, begin) => this.#run(body, run, lease, begin),
    });
    this.#receipts = new CommandReceipts(options);
    this.#cancelMarks = new CancelMarks(options);
    this.#unwatched = new UnwatchedPolicies(options);
    this.#commands = new ExecutionCommands({
      ...options,
      receipts: this.#receipts,
      cancelMarks: this.#cancelMarks,
      find: (tenant, executionId) => this.#running.get(runningKey(tenant, executionId)),
    });
  }

  get handlerNames(): readonly string[] {
    return [...this.#options.handlers.keys()];
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Ends what a former process left running, or runs it anew, and starts looking after leases. */
  async open(): Promise<void> {
    const { clock, store } = this.#options;
    // Where nobody else can own anything, what is left from before has no owner.
    await this.#orphans.takeExpired(store.isShared ? clock.nowMs() : Number.MAX_SAFE_INTEGER);
    this.#leases.start();
  }

  /** Channel of an execution that runs here, `undefined` for all others. */
  channelOf(tenant: string, executionId: string): string | undefined {
    return this.#running.get(runningKey(tenant, executionId))?.key.channel;
  }

  /** Channel of an execution that runs on any node; `undefined` when none runs it. */
  async locate(tenant: string, executionId: string): Promise<string | undefined> {
    return this.channelOf(tenant, executionId) ?? this.#leases.channelOf(tenant, executionId);
  }

  /**
   * Gives a command its execution id, once and for all.
   *
   * @throws UNKNOWN_HANDLER, STORE_UNAVAILABLE
   */
  async claim(command: {
    readonly tenant: string;
    readonly clientId: string;
    readonly commandId: string;
    readonly handler: string;
    readonly channel: string | undefined;
  }): Promise<ExecutionClaim> {
    const { handlers, random } = this.#options;
    if (!handlers.has(command.handler)) {
      const known = [...handlers.keys()].join(", ");
      throw new TachikomaError(
        "UNKNOWN_HANDLER",
        `There is no handler ${JSON.stringify(command.handler)}; there are: ${known}`,
      );
    }
    const executionId = random.id(EXECUTION_ID_CHARS);
    const channel = command.channel ?? `${EXECUTION_NAMESPACE}:${executionId}`;
    const claimed = await this.#receipts.claim({ ...command, executionId }, channel);
    return {
      tenant: command.tenant,
      clientId: command.clientId,
      handlerName: command.handler,
      executionId: claimed.executionId,
      channel: claimed.channel,
      isRepeated: claimed.executionId !== executionId,
    };
  }

  /**
   * Starts a claimed execution, unless it has been started before. Resolves when its first record is stored.
   *
   * @returns false when it has ended already
   *
   * @throws TOO_MANY_EXECUTIONS, SERVER_NOT_READY, STORE_UNAVAILABLE
   */
  async start(claim: ExecutionClaim, options: StartOptions): Promise<boolean> {
    const id = runningKey(claim.tenant, claim.executionId);
    if (this.#running.has(id)) return true;
    const underWay = this.#starting.get(id);
    if (underWay !== undefined) return underWay.started;
    const place = { key: { tenant: claim.tenant, channel: claim.channel }, sessionId: options.sessionId };
    const fault = this.#faultOf(place);
    if (fault !== undefined) throw fault;
    const started = this.#startNow(claim, options);
    this.#starting.set(id, { ...place, started });
    try {
      return await started;
    } finally {
      this.#starting.delete(id);
    }
  }

  async #startNow(claim: ExecutionClaim, options: StartOptions): Promise<boolean> {
    const { hub, clock } = this.#options;
    const { tenant, channel, executionId, handlerName } = claim;
    const run: Run = { ...options, handlerName, attempt: 1, startedAtMs: clock.nowMs() };
    const body = this.#leaseBody({ tenant, channel, executionId, started: startedRecord(claim) }, run);
    const lease = await this.#leases.acquire(body);
    // It runs already: the same command came twice at once, or on another node before.
    if (lease === undefined) return true;
    const fence = { lease: lease.name, token: lease.token };
    const idempotencyKey = startKey(executionId);
    const begin = await hub.append({ tenant, channel }, [body.started], { fence, idempotencyKey });
    // It ran before. If its owner has lost it without an end, nobody else will find it: its lease is here now.
    if (begin.isDuplicate) return this.#orphans.takeHeld(lease);
    this.#run(body, run, lease, begin);
    return true;
  }

  /** What the next owner gets: all of it only where the handler asks to be run anew. */
  #leaseBody(body: LeaseBody, run: Run): LeaseBody {
    const { handlersToRestart, logger } = this.#options;
    if (handlersToRestart?.has(run.handlerName) !== true) return body;
    const byteCount = runBytes(run);
    if (byteCount <= MAX_RUN_BYTES) return { ...body, run };
    logger.info(
      { executionId: body.executionId, handler: run.handlerName, byteCount, maxBytes: MAX_RUN_BYTES },
      "Input is too large to be kept for running the execution anew: it ends when its owner is lost",
    );
    return body;
  }

  /** Cancels, on whichever node it runs; `notify` gets the final receipt when it comes after the answer. */
  cancel(command: ExecutionCommand, notify: Notify): Promise<CommandReceipt> {
    return this.#commands.give({ verb: "cancel", command }, notify);
  }

  /** Hands an input to the handler, on whichever node it runs; it is applied when the handler takes it. */
  input(command: ExecutionCommand, data: unknown, notify: Notify): Promise<CommandReceipt> {
    return this.#commands.give({ verb: "input", command, data }, notify);
  }

  /** Another node asks, or answers. */
  onMessage(message: CommandMessage | ReceiptMessage): void {
    this.#commands.onMessage(message);
  }

  onReadersChanged(log: ChannelLog): void {
    this.#unwatched.onReadersChanged(log);
  }

  /** From now on no execution is cancelled because nobody watches it: those who did were sent away. */
  ignoreUnwatched(): void {
    this.#unwatched.close();
  }

  /** Lets running executions finish for a while, then interrupts the rest. No new one is started. */
  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    // Those that were admitted before run by then, and end like the others.
    await Promise.allSettled([...this.#starting.values()].map(({ started }) => started));
    const running = [...this.#running.values()];
    this.#drained = running;
    if (running.length > 0) {
      await this.#withTimeout(graceMs, Promise.all(running.map((execution) => execution.ended)));
    }
    const left = [...this.#running.values()];
    for (const execution of left) execution.stop({ kind: "interrupted", reason: "server_stopped" });
    await Promise.all(left.map((execution) => execution.ended));
    this.#leases.stop();
    this.#unwatched.close();
    this.#commands.close();
  }

  /** Waits, after a drain, for handlers to let go of what they hold; not for ever: one may never look at its signal. */
  async settleHandlers(): Promise<void> {
    const settling = Promise.all(this.#drained.map((execution) => execution.handlerSettled));
    if (this.#drained.length > 0) await this.#withTimeout(HANDLER_SETTLE_MS, settling);
  }

  /** Resolves with the work or after the time, whichever comes first. */
  #withTimeout(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(timeoutMs, resolve);
      work.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #run(body: LeaseBody, run: Run, lease: Lease, begin: AppendPlace): void {
    const { observer, hub, logger, handlers, limits, store } = this.#options;
    const { handlerName, attempt, onUnwatched } = run;
    const execution = new Execution({
      ...this.#options,
      ...run,
      id: body.executionId,
      key: { tenant: body.tenant, channel: body.channel },
      handler: handlers.get(handlerName)!,
      fence: { lease: lease.name, token: lease.token },
      started: body.started,
      begin,
      isStoreShared: store.isShared,
      mayRestart: body.run !== undefined && attempt < MAX_ATTEMPTS,
      maxWaitingInputs: limits.maxWaitingInputs,
      maxDurationMs: limits.maxDurationMsByHandler?.get(handlerName) ?? limits.maxDurationMs,
      pace: this.#pace,
    });
    const id = runningKey(body.tenant, body.executionId);
    this.#starting.delete(id);
    this.#running.set(id, execution);
    this.#leases.keep(execution);
    const policy = attempt === 1 ? onUnwatched : afterRestart(onUnwatched);
    this.#unwatched.add(execution, policy, hub.peek(execution.key));
    observer.executionStarted(execution.handlerName);
    execution.ended.then((end) => {
      this.#running.delete(id);
      this.#unwatched.remove(execution);
      observer.executionEnded(execution.handlerName, end?.kind ?? "fenced");
      if (end === undefined) {
        this.#orphans.takeLost(execution, body).catch((cause: unknown) => {
          logger.error({ err: cause, executionId: execution.id }, "Lost execution could not be taken");
        });
      }
      this.#leases.drop(execution, end !== undefined).catch((cause: unknown) => {
        // It expires by itself, and whoever finds it finds the end already written.
        logger.warn({ err: cause, executionId: execution.id }, "Lease could not be released");
      });
    });
  }

  /** Why nothing more can run in such a place now. */
  #faultOf(place: ExecutionPlace): TachikomaError | undefined {
    if (this.#isDraining) return new TachikomaError("SERVER_NOT_READY", "The server is stopping");
    return limitFault(this.#options.limits, [...this.#running.values(), ...this.#starting.values()], place);
  }

  #refusalOf({ tenant, channel, executionId }: LeaseBody, { handlerName }: Run): string | undefined {
    const id = runningKey(tenant, executionId);
    if (this.#running.has(id) || this.#starting.has(id)) return "it has not let go of it";
    if (!this.#options.handlers.has(handlerName)) return `there is no handler ${handlerName} here`;
    // How many its session has started is a limit for the session, not for who takes over.
    return this.#faultOf({ key: { tenant, channel }, sessionId: undefined })?.message;
  }

  #hold({ tenant, channel, executionId }: LeaseBody, { sessionId }: Run, started: Promise<boolean>): void {
    const id = runningKey(tenant, executionId);
    this.#starting.set(id, { key: { tenant, channel }, sessionId, started });
    const release = () => {
      if (this.#starting.get(id)?.started === started) this.#starting.delete(id);
    };
    started.then(release, release);
  }
}

function startedRecord(claim: ExecutionClaim): NewRecord {
  return {
    type: "execution_started",
    executionId: claim.executionId,
    sender: claim.clientId,
    body: JSON.stringify({ handler: claim.handlerName }),
  };
}

function runningKey(tenant: string, executionId: string): string {
  return `${tenant}\u0000${executionId}`;
}
