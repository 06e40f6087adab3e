import type { Dice } from "../dice.ts";
import type { ModelInput } from "./model.ts";

/** Presence in one channel from where one client stands. */
export interface PresenceSeen {
  /** What it shows of itself: `undefined` when it is not present, `unknown` when it may be. */
  readonly own: { readonly state: unknown } | "unknown" | undefined;
  /** States by client id, as the members that it was told of. */
  readonly members: ReadonlyMap<string, unknown>;
}

/** Somebody who uses the server. What an actor does is chosen by the scheduler, and written to the history by the actor. */
export interface Actor {
  readonly name: string;
  subscribe(channel: string): void;
  unsubscribe(channel: string): void;
  isSubscribed(channel: string): boolean;
  publish(channel: string, data: unknown): void;
  execute(channel: string | undefined, input: ModelInput, dice: Dice): void;
  cancel(dice: Dice): void;
  input(dice: Dice): void;
  /** Something only this kind of client does. */
  fidget(dice: Dice): void;
  /** Makes itself present in a channel that it follows. */
  present?(channel: string, state: unknown): void;
  /** Says something that is not kept. */
  signal?(channel: string, data: unknown): void;
  /** Whom it sees in a channel, and itself as the others should see it; nothing, where that is not certain. */
  presence?(channel: string): PresenceSeen | undefined;
  /** Where it stands on each channel that it follows, in its own account. */
  standings(): ReadonlyMap<string, { readonly epoch: string; readonly seq: number }>;
  /** What it asked for and got no final answer to. */
  readonly unanswered: readonly string[];
  /** The end of all trouble: whoever went offline by itself comes back. */
  heal(): void;
  /** Leaves for good, which is no fault of anybody. */
  close(): void;
  readonly isOnline: boolean;
}
