import { seededRandom } from "../../packages/server/src/core/testing/seeded-random.ts";
import type { Store } from "../../packages/server/src/stores/store.ts";
import { HintLine } from "../store/hint-line.ts";
import { StoreSim } from "../store/store-sim.ts";
import type { SyncStore } from "../store/sync-store.ts";
import type { Subject } from "./subject.ts";

/** The simulated store, with answers that come as promises. */
export class SimSubject implements Subject {
  readonly store: Store;
  #sim: StoreSim;
  #open: SyncStore;

  constructor() {
    this.#sim = newSim();
    this.#open = opened(this.#sim);
    this.store = new Proxy({} as Store, {
      get: (_, name) => {
        return async (...args: unknown[]) =>
          (Reflect.get(this.#open, name) as (...args: unknown[]) => unknown)(...args);
      },
    });
  }

  async clear(): Promise<void> {
    this.#sim = newSim();
    this.#open = opened(this.#sim);
  }

  async cutReplica(): Promise<void> {
    this.#sim.cutReplica();
  }

  async promoteReplica(): Promise<void> {
    this.#sim.promoteReplica();
  }

  async restart(): Promise<void> {
    this.#sim.restart();
  }

  async restartEmpty(): Promise<void> {
    this.#sim.restartEmpty();
  }
}

let seed = 1;

function newSim(): StoreSim {
  return new StoreSim({ random: seededRandom(seed++), isShared: true });
}

function opened(sim: StoreSim): SyncStore {
  return sim.open(new HintLine((task) => task()), () => 0);
}
