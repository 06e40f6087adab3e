/**
 * One execution as this client follows it. Its records are read from its channel by a follower of its own:
 *
 *     started here:   the follower waits in the channel before `execute` is sent, and keeps what comes until the receipt
 *                     says which id is meant
 *     attached to:    the follower begins when somebody asks for content; commands alone need none
 */

import { type Chunk, EXECUTION_NAMESPACE, type Position, type Usage } from "@tachikoma/protocol";
import type {
  AttachOptions,
  CommandOptions,
  CommandResult,
  Delivery,
  Execution,
  ExecutionEnd,
  ExecutionEvents,
  ExecutionStatus,
  ResetDelivery,
  Unsubscribe,
} from "../api.ts";
import type { Follower, Place } from "../channel/follower.ts";
import { placeFor } from "../channel/subscription.ts";
import { ClientError } from "../client-error.ts";
import { control } from "../commands/command-result.ts";
import { Listeners } from "../events.ts";
import { Content } from "./content.ts";
import type { ExecutionLink } from "./execution-link.ts";

/** Deliveries that are kept while the id of an execution is not known. At the bound the follower waits in the log. */
const MAX_EARLY_DELIVERIES = 256;

interface Identity {
  readonly id: string;
  readonly channel: string;
}

export class FollowedExecution implements Execution, Follower {
  place: Place = { kind: "head" };
  isPaused = false;
  readonly #link: ExecutionLink;
  readonly #identity = Promise.withResolvers<Identity>();
  readonly #ended = Promise.withResolvers<ExecutionEnd>();
  readonly #text = Promise.withResolvers<string>();
  readonly #listeners: Listeners<ExecutionEvents>;
  readonly #content = new Content();
  #known: Identity | undefined;
  #followedChannel: string | undefined;
  #early: Delivery[] = [];
  #isAttached = false;
  #isDone = false;
  /** False while what is folded may lack its beginning. */
  #isWhole = true;
  #status: ExecutionStatus = "starting";
  #end: ExecutionEnd | undefined;

  constructor(link: ExecutionLink) {
    this.#link = link;
    this.#listeners = new Listeners(link.onThrown);
    // Nobody has to look at each of them; a failure is told to whoever does, and as an event.
    for (const { promise } of [this.#identity, this.#ended, this.#text]) promise.catch(() => {});
  }

  /** Waits in `channel` for what an execution that is about to be asked for will write. */
  waitIn(channel: string): void {
    this.place = { kind: "head" };
    this.#follow(channel);
  }

  /** The server has accepted the execution. `deliveredFrom`: where it began to deliver a channel by itself. */
  accepted(identity: Identity, deliveredFrom: Position | undefined): void {
    this.#identify(identity);
    if (this.#isDone) return;
    if (this.#followedChannel === undefined) {
      this.place = { kind: "start" };
      this.#isWhole = false;
      this.#follow(identity.channel, deliveredFrom);
      return;
    }
    for (const delivery of this.#early.splice(0)) this.#take(delivery);
    if (this.isPaused) this.#link.channels.get(this.#followedChannel).resume(this);
  }

  attach(id: string, options: AttachOptions): void {
    this.place = placeFor({ since: "start", ...options });
    this.#isAttached = true;
    this.#isWhole = this.place.kind !== "start";
    this.#status = "running";
    this.#identify({ id, channel: options.channel ?? `${EXECUTION_NAMESPACE}:${id}` });
  }

  /** The execution does not exist. */
  refused(error: ClientError): void {
    this.#identity.reject(error);
    this.#fail(error);
  }

  get id(): Promise<string> {
    return this.#identity.promise.then(({ id }) => id);
  }

  get channel(): Promise<string> {
    return this.#identity.promise.then(({ channel }) => channel);
  }

  get status(): ExecutionStatus {
    this.#followIfAttached();
    return this.#status;
  }

  get chunks(): readonly Chunk[] {
    this.#followIfAttached();
    return this.#content.chunks;
  }

  get text(): Promise<string> {
    this.#followIfAttached();
    return this.#text.promise;
  }

  get ended(): Promise<ExecutionEnd> {
    this.#followIfAttached();
    return this.#ended.promise;
  }

  get usage(): Usage | undefined {
    this.#followIfAttached();
    return this.#end?.usage;
  }

  on<Name extends keyof ExecutionEvents>(
    event: Name,
    listener: (value: ExecutionEvents[Name]) => void,
  ): Unsubscribe {
    this.#followIfAttached();
    return this.#listeners.on(event, listener);
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk, undefined> {
    this.#followIfAttached();
    return this.#content.iterate();
  }

  cancel(options: CommandOptions = {}): Promise<CommandResult> {
    return this.#whenKnown(({ id: executionId }) => {
      const id = this.#link.nextId();
      return control(this.#link.commands, { type: "cancel", id, executionId }, options);
    });
  }

  input(data: unknown, options: CommandOptions = {}): Promise<CommandResult> {
    return this.#whenKnown(({ id: executionId }) => {
      const id = this.#link.nextId();
      return control(this.#link.commands, { type: "input", id, executionId, data }, options);
    });
  }

  detach(): void {
    if (this.#isDone) return;
    this.#finish();
    const error = new ClientError("CONNECTION_CLOSED", "The execution is not watched any more");
    this.#ended.reject(error);
    this.#text.reject(error);
    this.#content.end();
  }

  deliver(delivery: Delivery): void {
    if (this.#known !== undefined) {
      this.#take(delivery);
      return;
    }
    this.#early.push(delivery);
    if (this.#early.length < MAX_EARLY_DELIVERIES || this.#followedChannel === undefined) return;
    this.#link.channels.get(this.#followedChannel).pause(this);
  }

  /** What the execution has written would lie before the head that is named now: its beginning is looked for from the start. */
  headLost(): void {
    this.place = { kind: "start" };
    this.#isWhole = false;
  }

  /** The channel can no longer be read: the execution may go on, but not before our eyes. */
  closed(error: ClientError | undefined): void {
    this.#fail(error ?? new ClientError("CONNECTION_CLOSED", "The channel of the execution was left"));
  }

  #take(delivery: Delivery): void {
    if (this.#isDone) return;
    if (delivery.type === "reset") this.#restart(delivery);
    if (!("executionId" in delivery) || delivery.executionId !== this.#known?.id) return;
    switch (delivery.type) {
      case "started":
        this.#isWhole = true;
        this.#status = "running";
        // Only where a failover took the first start: what is left from before is not a whole answer.
        this.#content.startOver(
          new ClientError("INVALID_POSITION", "The beginning of the execution is not retained"),
        );
        this.#listeners.emit("started", delivery);
        return;
      case "restarted":
        this.#isWhole = true;
        this.#status = "running";
        this.#content.startOver(
          new ClientError("EXECUTION_RESTARTED", `Attempt ${delivery.attempt} replaces what came before`),
        );
        this.#listeners.emit("restarted", delivery);
        return;
      case "chunk":
        this.#status = "running";
        this.#content.add(delivery.chunk);
        this.#listeners.emit("chunk", delivery.chunk);
        return;
      case "ended":
        this.#complete(delivery);
    }
  }

  #restart(reset: ResetDelivery): void {
    this.#isWhole = false;
    const text = `Records of ${reset.channel} are missing (${reset.reason}): the content starts again from what is left`;
    this.#content.restart(new ClientError("INVALID_POSITION", text));
    this.#listeners.emit("reset", reset);
  }

  #complete(end: ExecutionEnd): void {
    this.#finish();
    this.#status = end.outcome;
    this.#end = end;
    this.#ended.resolve(end);
    if (this.#isWhole) this.#text.resolve(this.#content.text);
    else
      this.#text.reject(
        new ClientError("INVALID_POSITION", "The beginning of the execution is not retained"),
      );
    this.#content.end();
    this.#listeners.emit("ended", end);
  }

  #fail(error: ClientError): void {
    if (this.#isDone) return;
    this.#finish();
    this.#ended.reject(error);
    this.#text.reject(error);
    this.#content.end(error);
    this.#listeners.emit("error", error);
  }

  #finish(): void {
    this.#isDone = true;
    this.#early = [];
    if (this.#followedChannel !== undefined) this.#link.channels.get(this.#followedChannel).remove(this);
  }

  #follow(channel: string, deliveredFrom?: Position): void {
    this.#followedChannel = channel;
    this.#link.channels.get(channel).add(this, deliveredFrom);
  }

  #identify(identity: Identity): void {
    this.#known = identity;
    this.#identity.resolve(identity);
  }

  #whenKnown(command: (identity: Identity) => Promise<CommandResult>): Promise<CommandResult> {
    return this.#known === undefined ? this.#identity.promise.then(command) : command(this.#known);
  }

  #followIfAttached(): void {
    if (!this.#isAttached || this.#isDone || this.#followedChannel !== undefined) return;
    if (this.#known !== undefined) this.#follow(this.#known.channel);
  }
}
