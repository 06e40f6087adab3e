/**
 * Executions of this node: starting them once however often they are asked for, finding them for commands, and ending them
 * when the last watcher is gone or the server stops.
 */
import { EXECUTION_NAMESPACE, type OnUnwatched, TachikomaError } from "@tachikoma/protocol";
import type { Handler } from "../../executions/handler.ts";
import type { LogKey, NewRecord, Store } from "../../stores/store.ts";
import type { NodeMail } from "../cluster/node-mail.ts";
import type { CommandMessage, ReceiptMessage } from "../cluster/node-message.ts";
import type { Identity } from "../identity.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Logger, Random } from "../ports.ts";
import {
  type CommandReceipt,
  CommandReceipts,
  type ExecutionCommand,
  type FinalStatus,
} from "./command-receipts.ts";
import { Execution, startKey } from "./execution.ts";
import { type LeaseBody, LeaseKeeper } from "./lease-keeper.ts";
import { type RemoteCommand, RemoteCommands } from "./remote-commands.ts";
import { storedEnd } from "./stored-end.ts";
import { UnwatchedPolicies } from "./unwatched-policies.ts";

export interface ExecutionLimits {
  /** On this node. */
  readonly maxRunning: number;
  readonly maxPerChannel: number;
  /** Started by one session and still running. */
  readonly maxPerSession: number;
  readonly maxWaitingInputs: number;
  readonly maxDurationMs: number;
  /** Where a handler has a bound of its own. */
  readonly maxDurationMsByHandler?: ReadonlyMap<string, number> | undefined;
}

export interface ExecutionServiceOptions {
  readonly store: Store;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly nodeId: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly limits: ExecutionLimits;
  readonly leaseTtlMs: number;
  /** How long a command's receipt is remembered. */
  readonly receiptTtlMs: number;
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
}

export interface StartOptions {
  readonly identity: Identity;
  readonly sessionId: string | undefined;
  readonly input: unknown;
  readonly onUnwatched: OnUnwatched;
}

interface Starting {
  readonly key: { readonly tenant: string; readonly channel: string };
  readonly sessionId: string | undefined;
  readonly started: Promise<boolean>;
}

/** Gets the final receipt of a command when it comes after the answer. */
type Notify = (receipt: CommandReceipt) => void;

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
  readonly #receipts: CommandReceipts;
  readonly #unwatched: UnwatchedPolicies;
  readonly #remote: RemoteCommands;
  #isDraining = false;
  /** What ran when the drain began. */
  #drained: readonly Execution[] = [];

  constructor(options: ExecutionServiceOptions) {
    this.#options = options;
    this.#leases = new LeaseKeeper(options);
    this.#receipts = new CommandReceipts(options);
    this.#unwatched = new UnwatchedPolicies(options);
    this.#remote = new RemoteCommands({
      ...options,
      send: (nodeId, message) => options.mail.send(nodeId, message),
      answerHere: (remote, notify) => this.#answerHere(remote, notify),
    });
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Ends what a former process left running, and starts looking after leases. */
  async open(): Promise<void> {
    const { clock, store } = this.#options;
    // Where nobody else can own anything, what is left from before has no owner.
    await this.#leases.recover(store.isShared ? clock.nowMs() : Number.MAX_SAFE_INTEGER);
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
    this.#checkLimits(claim, options.sessionId);
    const started = this.#startNow(claim, options);
    const { tenant, channel } = claim;
    this.#starting.set(id, { key: { tenant, channel }, sessionId: options.sessionId, started });
    try {
      return await started;
    } finally {
      this.#starting.delete(id);
    }
  }

  async #answer(remote: RemoteCommand, notify: Notify): Promise<CommandReceipt> {
    if (this.#find(remote.command) === undefined && this.#options.store.isShared) {
      const owner = await this.#remote.ownerOf(remote.command);
      if (owner !== undefined) return this.#remote.ask(owner, remote, notify);
    }
    return this.#answerHere(remote, notify);
  }

  async #answerNode(message: CommandMessage): Promise<void> {
    const { command, from } = message;
    const { mail } = this.#options;
    if (this.#find(command) === undefined) {
      // It has moved on while the letter was under way.
      const owner = await this.#remote.ownerOf(command);
      if (owner !== undefined) return mail.send(owner, message);
    }
    const reply = (receipt: CommandReceipt) => mail.sendAtLast(from, { kind: "receipt", command, receipt });
    await reply(await this.#answerHere(message, (receipt) => void reply(receipt)));
  }

  #answerHere(remote: RemoteCommand, notify: Notify): Promise<CommandReceipt> {
    return remote.verb === "cancel"
      ? this.#cancelHere(remote.command, notify)
      : this.#inputHere(remote.command, remote.data, notify);
  }

  #cancelHere(command: ExecutionCommand, notify: Notify): Promise<CommandReceipt> {
    const execution = this.#find(command);
    const apply = (settle: (status: FinalStatus) => void) => {
      execution?.stop({ kind: "cancelled", reason: "requested", sender: command.clientId });
      // Two people may press stop: both have what they asked for. An answer that was just complete has not.
      execution?.ended.then((end) => settle(end?.kind === "cancelled" ? "applied" : "superseded"));
      return undefined;
    };
    return this.#receipts.answer(command, execution, notify, apply, async (channel) => {
      const { store, clock } = this.#options;
      const key = { tenant: command.tenant, channel };
      const end = await storedEnd(store, key, command.executionId, clock.nowMs());
      if (end === undefined) return undefined;
      return end === "execution_cancelled" ? "applied" : "superseded";
    });
  }

  #inputHere(command: ExecutionCommand, data: unknown, notify: Notify): Promise<CommandReceipt> {
    const execution = this.#find(command);
    return this.#receipts.answer(command, execution, notify, (settle) => {
      // Looked at in the turn in which it takes its place, so that a burst cannot pass the limit.
      if (execution?.areInputsFull) return "TOO_MANY_INPUTS";
      execution?.pushInput({
        data,
        onTaken: () => settle("applied"),
        onDropped: () => settle(execution.end?.kind === "cancelled" ? "superseded" : "rejected"),
      });
      return undefined;
    });
  }

  async #startNow(claim: ExecutionClaim, options: StartOptions): Promise<boolean> {
    const { tenant, channel, executionId } = claim;
    const started = startedRecord(claim);
    const body = { tenant, channel, executionId, started };
    const lease = await this.#leases.acquire(body);
    // It runs already: the same command came twice at once, or on another node before.
    if (lease === undefined) return true;
    const fence = { lease: lease.name, token: lease.token };
    const key = { tenant, channel };
    const { hub } = this.#options;
    const appended = await hub.append(key, [started], { fence, idempotencyKey: startKey(executionId) });
    // It ran before. If its owner has lost it without an end, nobody else will find it: its lease is here now.
    if (appended.isDuplicate) {
      await this.#leases.endOwned(lease);
      return false;
    }
    this.#run(
      new Execution({
        ...this.#options,
        id: executionId,
        key,
        handlerName: claim.handlerName,
        handler: this.#options.handlers.get(claim.handlerName)!,
        identity: options.identity,
        sessionId: options.sessionId,
        input: options.input,
        fence,
        maxWaitingInputs: this.#options.limits.maxWaitingInputs,
        maxDurationMs: this.#maxDurationMs(claim.handlerName),
        appendIntervalMs: () => this.#options.store.appendIntervalMs,
      }),
      options.onUnwatched,
      body,
    );
    return true;
  }

  /** Cancels, on whichever node it runs; `notify` gets the final receipt when it comes after the answer. */
  cancel(command: ExecutionCommand, notify: Notify): Promise<CommandReceipt> {
    return this.#answer({ verb: "cancel", command }, notify);
  }

  /** Hands an input to the handler, on whichever node it runs; it is applied when the handler takes it. */
  input(command: ExecutionCommand, data: unknown, notify: Notify): Promise<CommandReceipt> {
    return this.#answer({ verb: "input", command, data }, notify);
  }

  /** Another node asks, or answers. */
  onMessage(message: CommandMessage | ReceiptMessage): void {
    if (message.kind === "receipt") return this.#remote.onReceipt(message.command, message.receipt);
    this.#answerNode(message).catch((cause: unknown) => {
      // Whoever asked gets no answer, and asks again.
      this.#options.logger.warn({ err: cause, ...message.command }, "Command of another node failed");
    });
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
    this.#remote.close();
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

  #run(execution: Execution, onUnwatched: OnUnwatched, body: LeaseBody): void {
    const { observer, hub, logger } = this.#options;
    const id = runningKey(execution.key.tenant, execution.id);
    this.#starting.delete(id);
    this.#running.set(id, execution);
    this.#leases.keep(execution);
    this.#unwatched.add(execution, onUnwatched, hub.peek(execution.key));
    observer.executionStarted(execution.handlerName);
    execution.ended.then((end) => {
      this.#running.delete(id);
      this.#unwatched.remove(execution);
      observer.executionEnded(execution.handlerName, end?.kind ?? "fenced");
      if (end === undefined) {
        this.#leases.endLost(execution, body).catch((cause: unknown) => {
          logger.error({ err: cause, executionId: execution.id }, "Lost execution could not be ended");
        });
      }
      this.#leases.drop(execution, end !== undefined).catch((cause: unknown) => {
        // It expires by itself, and whoever finds it finds the end already written.
        logger.warn({ err: cause, executionId: execution.id }, "Lease could not be released");
      });
    });
  }

  #maxDurationMs(handlerName: string): number {
    const { maxDurationMs, maxDurationMsByHandler } = this.#options.limits;
    return maxDurationMsByHandler?.get(handlerName) ?? maxDurationMs;
  }

  #find(command: ExecutionCommand): Execution | undefined {
    return this.#running.get(runningKey(command.tenant, command.executionId));
  }

  #checkLimits(claim: ExecutionClaim, sessionId: string | undefined): void {
    const { maxRunning, maxPerChannel, maxPerSession } = this.#options.limits;
    if (this.#isDraining) throw new TachikomaError("SERVER_NOT_READY", "The server is stopping");
    if (this.#running.size + this.#starting.size >= maxRunning) throw tooMany("the server", maxRunning);
    let inChannelCount = 0;
    let ofSessionCount = 0;
    for (const { key, sessionId: owner } of [...this.#running.values(), ...this.#starting.values()]) {
      if (key.tenant === claim.tenant && key.channel === claim.channel) inChannelCount += 1;
      if (owner !== undefined && owner === sessionId) ofSessionCount += 1;
    }
    if (inChannelCount >= maxPerChannel) throw tooMany(`channel ${claim.channel}`, maxPerChannel);
    if (ofSessionCount >= maxPerSession) throw tooMany("the session", maxPerSession);
  }
}

function tooMany(owner: string, limit: number): TachikomaError {
  return new TachikomaError("TOO_MANY_EXECUTIONS", `${limit} executions are running, the limit of ${owner}`);
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
