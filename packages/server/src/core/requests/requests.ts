/**
 * What surfaces without a connection ask of the server: HTTP routes and adapters of other protocols. Each call asks for its
 * permission, carries the id that makes it safe to repeat, and sees what a connection would see.
 */
import {
  channelNameFault,
  EXECUTION_NAMESPACE,
  encodeMessage,
  formatPosition,
  type OnUnwatched,
  type Position,
  type ResetReason,
  TachikomaError,
} from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import type { Authorize } from "../authorize.ts";
import type { DeliveryLoop } from "../delivery/delivery-loop.ts";
import type { CommandReceipt } from "../execution/command-receipts.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { Identity, Verb } from "../identity.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { NamespaceTable } from "../namespace.ts";
import type { Clock, DeltaFrames } from "../ports.ts";
import { publishMessage } from "../publish.ts";
import { type PlaceRequest, placeFor } from "../resume-place.ts";
import type { Signals } from "../signals.ts";
import { withinTime } from "../time-limit.ts";
import { type AttemptBegin, attemptBegin } from "./attempt-begin.ts";
import { ChannelReader } from "./channel-reader.ts";
import { type LastExecution, lastExecution, lastMessageExecutions } from "./last-execution.ts";

export interface RequestsOptions {
  readonly hub: LogHub;
  readonly delivery: DeliveryLoop;
  readonly executions: ExecutionService;
  readonly authorize: Authorize;
  readonly namespaces: NamespaceTable;
  readonly signals: Signals;
  readonly clock: Clock;
}

export interface ExecuteRequest {
  /** The same id again is the same execution. */
  readonly commandId: string;
  readonly handler: string;
  /** @default a private channel, `execution:ID` */
  readonly channel?: string | undefined;
  readonly input: unknown;
  /** @default "keep" */
  readonly onUnwatched?: OnUnwatched | undefined;
  /**
   * Called when it has its id and before it starts: the time to begin to watch it, or to say something in its channel that has to
   * come first. Called again when the command is repeated.
   */
  readonly beforeStart?: ((claimed: ClaimedExecution) => Promise<void>) | undefined;
}

export interface ClaimedExecution {
  readonly executionId: string;
  readonly channel: string;
}

export interface StartedExecution extends ClaimedExecution {
  /** Where its channel ended before it was started now; all of it that is new comes after. */
  readonly before: Position;
  /** False when it has been asked for before and has ended. */
  readonly isRunning: boolean;
  /** It has been asked for before: what it has written since then lies before `before`. */
  readonly isRepeated: boolean;
}

export interface ReadRequest extends PlaceRequest {
  /** @default "merged" */
  readonly deltas?: DeltaFrames | undefined;
}

export interface Reading {
  readonly reader: ChannelReader;
  /** Where it begins, in wire form. */
  readonly position: string;
  /** Why continuity with the position that was asked for cannot be proven: what is held of the channel has to be discarded. */
  readonly resetReason: ResetReason | undefined;
}

/** Resolves with the receipt that a command has in the end, however long its execution takes to act on it. */
export interface GivenCommand {
  readonly receipt: CommandReceipt;
  readonly final: Promise<CommandReceipt>;
}

export class Requests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** @throws FORBIDDEN, INVALID_CHANNEL */
  async require(identity: Identity, verb: Verb, channel: string): Promise<void> {
    const fault = channelNameFault(channel);
    if (fault !== undefined) throw new TachikomaError("INVALID_CHANNEL", fault);
    if (await this.#options.authorize(identity, verb, channel)) return;
    throw new TachikomaError("FORBIDDEN", `Not allowed to ${verb} in ${channel}`);
  }

  /**
   * Starts an execution, once for each command id. Resolves when its first record is stored.
   *
   * @throws FORBIDDEN, UNKNOWN_HANDLER, TOO_MANY_EXECUTIONS, SERVER_NOT_READY, STORE_UNAVAILABLE
   */
  async execute(identity: Identity, request: ExecuteRequest): Promise<StartedExecution> {
    const { executions, hub } = this.#options;
    const { tenant, clientId } = identity;
    const { commandId, handler, input, onUnwatched = "keep" } = request;
    await this.require(identity, "execute", request.channel ?? `${EXECUTION_NAMESPACE}:new`);
    const claim = await executions.claim({ tenant, clientId, commandId, handler, channel: request.channel });
    const { executionId, channel, isRepeated } = claim;
    await request.beforeStart?.({ executionId, channel });
    const { head } = await hub.open({ tenant, channel });
    const isRunning = await executions.start(claim, { identity, sessionId: undefined, input, onUnwatched });
    return { executionId, channel, before: head, isRunning, isRepeated };
  }

  /** Publishes a message, once for each command id. Returns its position. @throws FORBIDDEN, RECORD_TOO_LARGE, STORE_UNAVAILABLE */
  async publish(
    identity: Identity,
    request: { commandId: string; channel: string; data: unknown },
  ): Promise<string> {
    const { commandId, channel, data } = request;
    const { tenant, clientId } = identity;
    await this.require(identity, "publish", channel);
    return publishMessage(this.#options, { tenant, channel, data, sender: clientId, commandId });
  }

  /** Says something to those who follow the channel now. @throws FORBIDDEN */
  async signal(identity: Identity, { channel, data }: { channel: string; data: unknown }): Promise<void> {
    const { tenant, clientId } = identity;
    await this.require(identity, "signal", channel);
    const text = encodeMessage({ type: "signal", channel, data, sender: clientId });
    this.#options.signals.send({ tenant, channel }, text, undefined);
  }

  /** Asks an execution to stop, on whichever node it runs. @throws FORBIDDEN, STORE_UNAVAILABLE */
  async cancel(
    identity: Identity,
    command: { commandId: string; executionId: string },
  ): Promise<GivenCommand> {
    await this.#requireFor(identity, "cancel", command.executionId);
    return given((notify) => this.#options.executions.cancel(commandOf(identity, command), notify));
  }

  /** Hands an input to a running execution. @throws FORBIDDEN, STORE_UNAVAILABLE */
  async input(
    identity: Identity,
    command: { commandId: string; executionId: string; data: unknown },
  ): Promise<GivenCommand> {
    await this.#requireFor(identity, "input", command.executionId);
    return given((notify) =>
      this.#options.executions.input(commandOf(identity, command), command.data, notify),
    );
  }

  /** The final receipt, or the one that there is after the time. */
  async finalWithin({ receipt, final }: GivenCommand, timeoutMs: number): Promise<CommandReceipt> {
    let outcome = receipt;
    const settled = final.then((last) => {
      outcome = last;
    });
    await withinTime(this.#options.clock, timeoutMs, settled);
    return outcome;
  }

  /** Begins to read a channel. Close the reader when nobody takes what it gives. @throws FORBIDDEN, STORE_UNAVAILABLE */
  async read(identity: Identity, channel: string, request: ReadRequest): Promise<Reading> {
    await this.require(identity, "subscribe", channel);
    return this.follow({ tenant: identity.tenant, channel }, request);
  }

  /** The same for a log of the server's own, which has no permission to ask for: that is its owner's part. @throws STORE_UNAVAILABLE */
  async follow(key: LogKey, request: ReadRequest): Promise<Reading> {
    const { hub, delivery } = this.#options;
    const opened = await hub.open(key);
    const { from, resetReason } = await placeFor(hub, key, opened, request);
    const reader = new ChannelReader({ hub, delivery, log: opened.log, from, deltas: request.deltas });
    return { reader, position: formatPosition(from), resetReason };
  }

  /** The newest execution of a channel. @throws FORBIDDEN, STORE_UNAVAILABLE */
  async lastExecution(identity: Identity, channel: string): Promise<LastExecution | undefined> {
    await this.require(identity, "history", channel);
    return lastExecution(this.#options.hub, { tenant: identity.tenant, channel });
  }

  /** Where the newest attempt of an execution begins. @throws FORBIDDEN, STORE_UNAVAILABLE */
  async attemptBegin(identity: Identity, execution: ClaimedExecution): Promise<AttemptBegin | undefined> {
    const { channel, executionId } = execution;
    await this.require(identity, "history", channel);
    return attemptBegin(this.#options.hub, { tenant: identity.tenant, channel }, executionId);
  }

  /** What can be executed here, by name. */
  get handlerNames(): readonly string[] {
    return this.#options.executions.handlerNames;
  }

  /** The newest execution of a channel with those that wrote the same message before it, the oldest first. @throws as `lastExecution` */
  async lastMessageExecutions(identity: Identity, channel: string): Promise<readonly LastExecution[]> {
    await this.require(identity, "history", channel);
    return lastMessageExecutions(this.#options.hub, { tenant: identity.tenant, channel });
  }

  /** An execution that runs nowhere is answered as such, whoever asks: there is nothing to protect. */
  async #requireFor(identity: Identity, verb: "cancel" | "input", executionId: string): Promise<void> {
    const channel = await this.#options.executions.locate(identity.tenant, executionId);
    if (channel !== undefined) await this.require(identity, verb, channel);
  }
}

function commandOf({ tenant, clientId }: Identity, command: { commandId: string; executionId: string }) {
  return { tenant, clientId, commandId: command.commandId, executionId: command.executionId };
}

async function given(
  give: (notify: (receipt: CommandReceipt) => void) => Promise<CommandReceipt>,
): Promise<GivenCommand> {
  const { promise, resolve } = Promise.withResolvers<CommandReceipt>();
  const receipt = await give(resolve);
  return { receipt, final: receipt.status === "accepted" ? promise : Promise.resolve(receipt) };
}
