import type { Dice } from "../dice.ts";
import type { ModelInput } from "./model.ts";

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
