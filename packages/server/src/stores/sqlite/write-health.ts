import type { Logger } from "../../core/ports.ts";
import type { WriteFault } from "./sqlite-call.ts";

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
  #fault: WriteFault | undefined;

  constructor(path: string, logger: Logger | undefined) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Why the latest commit failed; `undefined` when it did not. */
  get fault(): WriteFault | undefined {
    return this.#fault;
  }

  committed(fault: WriteFault | undefined, reason: string | undefined): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    const fields = { path: this.#path };
    if (fault === undefined) this.#logger?.info(fields, "The database can be written again");
    else this.#logger?.error({ ...fields, reason }, FAULT_TEXTS[fault]);
  }
}
