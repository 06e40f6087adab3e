import type { Channels } from "../channel/channels.ts";
import type { CommandQueue } from "../commands/command-queue.ts";

/** What an execution needs of its client. */
export interface ExecutionLink {
  readonly channels: Channels;
  readonly commands: CommandQueue;
  readonly nextId: () => string;
  /** Where an exception of a listener goes. */
  readonly onThrown: (thrown: unknown) => void;
}
