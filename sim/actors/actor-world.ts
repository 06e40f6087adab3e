import type { FoldedMessage } from "@tachikoma/protocol";
import type { BackOffOptions, HeartbeatOptions } from "../../packages/client/src/options.ts";
import type { WebSocketLike } from "../../packages/client/src/ports.ts";
import type { Clock, Random } from "../../packages/server/src/core/ports.ts";
import type { Recorder } from "../recorder.ts";
import type { WatchedCancel } from "./cancel-watch.ts";

/** What a reader made of an execution that it saw from its start to its end. */
export interface Fold {
  readonly reader: string;
  readonly executionId: string;
  readonly message: FoldedMessage;
}

/** A socket whose library shows pings too. */
export interface ActorSocket extends WebSocketLike {
  onping: (() => void) | undefined;
}

/** How soon clients notice that nobody is there, and try again. */
export interface ActorTiming {
  readonly backOff: Partial<BackOffOptions>;
  readonly heartbeat: Partial<HeartbeatOptions>;
  readonly plainReconnectMs: number;
  /** Longer than the server is ever silent. */
  readonly plainSilenceMs: number;
}

/** The part of a world that its actors see: one that is simulated, or a real one. */
export interface ActorWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly network: { webSocketFor(clientName: string): new (url: string) => ActorSocket };
  readonly timing: ActorTiming;
  /** In the order in which clients heard of them. */
  readonly executionIds: string[];
  readonly cancels: WatchedCancel[];
  readonly folds: Fold[];
  /** The clock of a client's own device. @default `clock` */
  readonly clockOf?: (clientName: string) => Clock;
  /** Whether a refusal that arrives now may be right. @default never */
  readonly mayBeRefused?: (clientName: string, channel: string) => boolean;
}
