import type { Logger } from "../../core/ports.ts";
import type { WriteFault } from "./sqlite-call.ts";

/** On a disk that is nearly full small commits pass between large ones that fail: that is not worth a line each. */
const QUIET_MS = 500;

const FAULT_TEXTS: Readonly<Record<WriteFault, string>> = {
  full: "The disk of the database is full. Nothing is stored until there is room; then writing goes on by itself",
  locked: "Another process has locked the database. Nothing is stored until it lets go",
  "read-only":
    "The database cannot be written any more: its file or file system is read-only. Nothing is stored",
  failing: "The disk of the database reports errors. Nothing is stored until writing works again",
};

/** Tells the operator when writing stops and when it works again, and not at every call in between. */
export class WriteHealth {
  readonly #path: string;
  readonly #logger: Logger | undefined;
  readonly #monotonicMs: () => number;
  #announced: WriteFault | undefined;
  #latest: WriteFault | undefined;
  #failedAtMs = 0;

  constructor(path: string, logger: Logger | undefined, monotonicMs: () => number) {
    this.#path = path;
    this.#logger = logger;
    this.#monotonicMs = monotonicMs;
  }

  /** True when the latest commit was possible. */
  get canWrite(): boolean {
    return this.#latest === undefined;
  }

  failed(fault: WriteFault, reason: string | undefined): void {
    this.#latest = fault;
    this.#failedAtMs = this.#monotonicMs();
    if (this.#announced === fault) return;
    this.#announced = fault;
    this.#logger?.error({ path: this.#path, reason }, FAULT_TEXTS[fault]);
  }

  committed(): void {
    this.#latest = undefined;
    if (this.#announced === undefined || this.#monotonicMs() - this.#failedAtMs < QUIET_MS) return;
    this.#announced = undefined;
    this.#logger?.info({ path: this.#path }, "The database can be written again");
  }
}
