import { emptyMessage, type FoldedMessage, MessageFold, textOf, type Usage } from "@tachikoma/protocol";
import type { Execution, ExecutionEnd, ExecutionStatus } from "../api.ts";
import type { ClientError } from "../client-error.ts";
import { errorOf } from "./error-of.ts";
import { type OpenView, View } from "./view.ts";

export interface ExecutionSnapshot {
  /** `idle`: there is none. `unknown`: it was refused or cannot be read, and `error` says why. */
  readonly status: "idle" | ExecutionStatus | "unknown";
  /** Known when the server has accepted the execution. */
  readonly executionId?: string;
  /** What it has written so far: text, reasoning, tool calls, files, data. */
  readonly message: FoldedMessage;
  /** The text of the message. */
  readonly text: string;
  /** The terminal record, with the `error` of a failed and the `reason` of a cancelled one. */
  readonly end?: ExecutionEnd;
  readonly usage?: Usage;
  readonly error?: ClientError;
}

export const NO_EXECUTION: ExecutionSnapshot = { status: "idle", message: emptyMessage(), text: "" };

/** One that was given by its id is known by it at once. */
export function attaching(executionId: string): ExecutionSnapshot {
  return { ...NO_EXECUTION, status: "running", executionId };
}

type Finding = Pick<ExecutionSnapshot, "executionId" | "end" | "usage" | "error">;

export class ExecutionView implements OpenView<ExecutionSnapshot> {
  readonly view: View<ExecutionSnapshot>;
  readonly #execution: Execution;
  readonly #close: () => void;
  #fold = new MessageFold(emptyMessage());
  #found: Finding = {};

  /** @param close ends what was made for this view */
  constructor(execution: Execution, first: ExecutionSnapshot, close: () => void) {
    this.#execution = execution;
    this.view = new View(first, () => this.#snapshot());
    const stops = [
      execution.on("chunk", (chunk) => {
        this.#fold.add(chunk);
        this.view.changed();
      }),
      ...(["started", "restarted", "reset"] as const).map((event) =>
        execution.on(event, () => this.#readAnew()),
      ),
    ];
    this.#close = () => {
      for (const stop of stops) stop();
      close();
    };
    this.#readAnew();
    execution.id.then(
      (executionId) => this.#find({ executionId }),
      // Told by the end, too.
      () => {},
    );
    execution.ended.then(
      (end) => this.#find({ end, usage: end.usage }),
      (cause: unknown) => this.#find({ error: errorOf(cause) }),
    );
  }

  close(): void {
    this.#close();
  }

  #readAnew(): void {
    this.#fold = new MessageFold(emptyMessage());
    for (const chunk of this.#execution.chunks) this.#fold.add(chunk);
    this.view.changed();
  }

  #find(found: Finding): void {
    this.#found = { ...this.#found, ...found };
    this.view.changed();
  }

  #snapshot(): ExecutionSnapshot {
    const { message } = this.#fold;
    const status = this.#found.error === undefined ? this.#execution.status : "unknown";
    return { status, message, text: textOf(message), ...this.#found };
  }
}
