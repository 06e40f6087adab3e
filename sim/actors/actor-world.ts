import type { FoldedMessage } from "@tachikoma/protocol";
import type { Clock, Random } from "../../packages/server/src/core/ports.ts";
import type { SimNetwork } from "../network/sim-network.ts";
import type { Recorder } from "../recorder.ts";
import type { WatchedCancel } from "./cancel-watch.ts";

/** What a reader made of an execution that it saw from its start to its end. */
export interface Fold {
  readonly reader: string;
  readonly executionId: string;
  readonly message: FoldedMessage;
}

/** The part of a world that its actors see. */
export interface ActorWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly recorder: Recorder;
  readonly network: SimNetwork;
  /** In the order in which clients heard of them. */
  readonly executionIds: string[];
  readonly cancels: WatchedCancel[];
  readonly folds: Fold[];
}
