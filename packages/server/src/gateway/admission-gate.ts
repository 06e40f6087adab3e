import { TachikomaError } from "@tachikoma/protocol";
import type { Clock, Logger } from "../core/ports.ts";
import {
  ADMISSION_LEVELS,
  type Admission,
  type AdmissionLimits,
  admissionLevel,
  EVERYONE_ADMITTED,
  type Load,
  nextAdmission,
  type ShedReason,
  shedReason,
} from "./admission.ts";

export interface AdmissionGateOptions {
  readonly limits: AdmissionLimits;
  readonly load: () => Load;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onShed: (reason: ShedReason) => void;
}

/** A server that is at its limit says so once in this time, not with each connection. */
const LOG_INTERVAL_MS = 10_000;

/** Asked before an upgrade costs anything. */
export class AdmissionGate {
  readonly #options: AdmissionGateOptions;
  #admission: Admission = EVERYONE_ADMITTED;
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #isRecoveryUnsaid = false;

  constructor(options: AdmissionGateOptions) {
    this.#options = options;
  }

  /**
   * @param isResuming whether it comes back with a session, as far as is known
   * @throws SERVER_OVERLOADED
   */
  check(isResuming: boolean): void {
    this.#look();
    const reason = shedReason(this.#admission, isResuming);
    if (reason === undefined) return;
    this.#options.onShed(reason);
    throw new TachikomaError("SERVER_OVERLOADED");
  }

  /** How strict the server is now: 0 lets everyone in, 1 those that resume, 2 nobody. */
  levelNumber(): number {
    this.#look();
    return ADMISSION_LEVELS.indexOf(admissionLevel(this.#admission));
  }

  #look(): void {
    const load = this.#options.load();
    this.#admission = nextAdmission(this.#admission, load, this.#options.limits);
    this.#log(load);
  }

  #log(load: Load): void {
    const { clock, logger } = this.#options;
    const level = admissionLevel(this.#admission);
    if (level === "open") {
      if (this.#isRecoveryUnsaid) logger.info(load, "No longer overloaded: connections are let in again");
      this.#isRecoveryUnsaid = false;
    } else if (clock.monotonicMs() - this.#loggedAtMs >= LOG_INTERVAL_MS) {
      this.#loggedAtMs = clock.monotonicMs();
      this.#isRecoveryUnsaid = true;
      const reason = shedReason(this.#admission, false);
      logger.warn({ reason, level, ...load }, "Overloaded: new connections are refused");
    }
  }
}
