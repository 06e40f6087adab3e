/**
 * A cluster, clients on it and work for them, for as long as a fault class needs them. Everything that happens goes into one
 * history; what is wrong without a history to show it is a finding.
 */
import { eventually } from "../../e2e/support/wait.ts";
import { seededRandom } from "../../packages/server/src/core/testing/seeded-random.ts";
import { systemClock } from "../../packages/server/src/platform/system-clock.ts";
import type { Actor } from "../../sim/actors/actor.ts";
import type { ActorTiming, ActorWorld, Fold } from "../../sim/actors/actor-world.ts";
import type { WatchedCancel } from "../../sim/actors/cancel-watch.ts";
import { LibraryClient } from "../../sim/actors/library-client.ts";
import { PlainClient } from "../../sim/actors/plain-client.ts";
import { Dice } from "../../sim/dice.ts";
import { Cluster, type ClusterSpec } from "../cluster/cluster.ts";
import { machineMs } from "../machine-clock.ts";
import { Load, type LoadShares } from "../workload/load.ts";
import { residentBytes } from "../workload/memory-sample.ts";
import type { RemoteClient } from "../workload/remote-client.ts";
import { ClientNetwork } from "./client-network.ts";
import { TrialRecorder } from "./trial-recorder.ts";

export interface TrialOptions {
  readonly seed: number;
  /** An empty folder for everything that the processes write. */
  readonly folder: string;
  readonly cluster: ClusterSpec;
  readonly libraryClientCount?: number;
  readonly plainClientCount?: number;
  /** How long anything may take that has to happen. @default 30_000 */
  readonly patienceMs?: number;
  readonly load?: { readonly pauseMs?: number; readonly shares?: Partial<LoadShares> };
}

type Standings = ReturnType<Actor["standings"]>;

const CHANNELS = ["chat:1", "chat:2", "small:1"] as const;
/** So soon after the last fault everyone has to have everything. */
const PATIENCE_MS = 30_000;
const LOAD_PAUSE_MS = 4;

/** Ten times as fast as by default, so that a trial is not mostly waiting. */
const TIMING: ActorTiming = {
  backOff: { baseDelayMs: 30, maxDelayMs: 200 },
  heartbeat: { idlePingAfterMs: 400, pongTimeoutMs: 500 },
  plainReconnectMs: 60,
  plainSilenceMs: 1_200,
};

export class Trial implements ActorWorld {
  /** The wall clock of this process, and the monotonic one of all. */
  readonly clock = { ...systemClock, monotonicMs: machineMs };
  readonly timing = TIMING;
  readonly recorder = new TrialRecorder();
  readonly random;
  readonly dice: Dice;
  readonly cluster: Cluster;
  readonly network: ClientNetwork;
  readonly channels: readonly string[] = CHANNELS;
  readonly folder: string;
  readonly patienceMs: number;
  readonly actors: Actor[] = [];
  /** Clients in processes of their own. */
  readonly remotes: RemoteClient[] = [];
  readonly executionIds: string[] = [];
  readonly cancels: WatchedCancel[] = [];
  readonly folds: Fold[] = [];
  readonly load: Load;

  private constructor(options: TrialOptions, cluster: Cluster) {
    this.cluster = cluster;
    this.network = new ClientNetwork(cluster, this.recorder);
    this.folder = options.folder;
    this.patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.dice = new Dice(options.seed);
    this.random = seededRandom(options.seed ^ 0x5eed);
    const { libraryClientCount = 3, plainClientCount = 1, load } = options;
    for (let index = 0; index < libraryClientCount; index += 1)
      this.actors.push(new LibraryClient(`lib-${index}`, this));
    for (let index = 0; index < plainClientCount; index += 1)
      this.actors.push(new PlainClient(`plain-${index}`, this));
    this.load = new Load({
      dice: new Dice(options.seed + 1),
      actors: this.actors,
      channels: this.channels,
      pauseMs: load?.pauseMs ?? LOAD_PAUSE_MS,
      ...(load?.shares === undefined ? {} : { shares: load.shares }),
    });
  }

  /** Resolves when every client follows the first channel and the work has begun. */
  static async start(options: TrialOptions): Promise<Trial> {
    const cluster = await Cluster.start(options.folder, options.cluster, options.seed);
    const trial = new Trial(options, cluster);
    try {
      for (const actor of trial.actors) actor.subscribe(CHANNELS[0]);
      await trial.until("all subscriptions", () =>
        trial.actors.every((actor) => actor.standings().has(CHANNELS[0])),
      );
      trial.load.start();
      return trial;
    } catch (cause) {
      await trial.close();
      throw cause;
    }
  }

  /** A fault, with its beginning and its end in the history. */
  async fault(name: string, during: () => Promise<void>): Promise<void> {
    this.recorder.write({ kind: "fault.on", fault: name });
    try {
      await during();
    } finally {
      this.recorder.write({ kind: "fault.off", fault: name });
    }
  }

  /** Some acknowledged and some delivered records from now: a moment of the dice's choice in the middle of the traffic. */
  async untilBusy(dice: Dice): Promise<void> {
    const { recorder } = this;
    const ackCount = recorder.ackCount + dice.between(1, 20);
    const applyCount = recorder.applyCount + dice.between(1, 100);
    await this.until("traffic", () => recorder.ackCount >= ackCount && recorder.applyCount >= applyCount);
  }

  /** Each of them is connected and has everything that was acknowledged up to now. */
  async caughtUp(actors: readonly Actor[] = this.actors): Promise<void> {
    const heads = new Map(this.recorder.ackedHeads);
    const isAtHead = (standings: Standings) =>
      [...standings].every(([channel, { epoch, seq }]) => {
        const head = heads.get(`default/${channel}`);
        // In another epoch: a reset has led there, and what was acknowledged before is not in it.
        return head === undefined || head.epoch !== epoch || seq >= head.seq;
      });
    await this.until(
      "everyone to catch up",
      () =>
        actors.every((actor) => actor.isOnline && isAtHead(actor.standings())) &&
        this.remotes.every((remote) => isAtHead(remote.standings())),
    );
  }

  async sampleMemory(): Promise<void> {
    for (const { life, url } of this.cluster.upNodes) {
      const rssBytes = await residentBytes(url);
      if (rssBytes !== undefined)
        this.recorder.write({ kind: "mem", process: life, rssBytes, heapBytes: 0, moment: "load" });
    }
  }

  /** @throws Error that says where everyone stands, when it does not become so in time */
  async until(what: string, isSo: () => boolean): Promise<void> {
    await eventually(
      this.patienceMs,
      what,
      () => isSo() || undefined,
      () => this.standings(),
    );
  }

  standings(): string {
    const heads = [...this.recorder.ackedHeads].map(
      ([stream, { epoch, seq }]) => `${stream} ${epoch}.${seq}`,
    );
    const actors = this.actors.map((actor) => {
      const places = [...actor.standings()].map(([channel, { epoch, seq }]) => `${channel} ${epoch}.${seq}`);
      const waitsFor =
        actor.unanswered.length === 0 ? "" : `, waits for ${actor.unanswered.slice(0, 5).join(", ")}`;
      return `${actor.name} ${actor.isOnline ? "online" : "offline"} at ${places.join(", ")}${waitsFor}`;
    });
    return [`acknowledged: ${heads.join(", ")}`, ...actors].join("; ");
  }

  async close(): Promise<void> {
    this.load.stop();
    for (const actor of this.actors) actor.close();
    this.network.close();
    await Promise.all(this.remotes.map((remote) => remote.kill()));
    await this.cluster.close();
  }
}
