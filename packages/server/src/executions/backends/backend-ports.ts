import type { Clock, Logger, Random } from "../../core/ports.ts";
import { systemClock } from "../../platform/system-clock.ts";
import { systemRandom } from "../../platform/system-random.ts";

/** What a backend asks of the outside world, besides the network and processes. */
export interface BackendPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export function backendPorts(given: Partial<BackendPorts> = {}): BackendPorts {
  return {
    clock: given.clock ?? systemClock,
    random: given.random ?? systemRandom,
    logger: given.logger ?? silentLogger,
  };
}

/** Resolves after `delayMs`; rejects with the signal's reason when that comes first. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
