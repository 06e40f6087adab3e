/** A handler that says what a test tells it to say, when it tells it. */
import type { ExecutionContext, Handler, HandlerOutput } from "../../../executions/handler.ts";
import { within } from "../../../gateway/websocket/testing/deadline.ts";

type Line = { readonly output: HandlerOutput } | { readonly failure: Error } | "end";

export class ScriptedRun {
  readonly context: ExecutionContext;
  /** Resolves when the model call would be aborted. */
  readonly aborted: Promise<void>;
  readonly #lines: Line[] = [];
  #wake: (() => void) | undefined;

  constructor(context: ExecutionContext) {
    this.context = context;
    const { signal } = context;
    this.aborted = new Promise((resolve) =>
      signal.addEventListener("abort", () => {
        resolve();
        this.#wake?.();
      }),
    );
  }

  /** What the request carried. */
  get input(): { readonly messages: readonly unknown[]; readonly [field: string]: unknown } {
    return this.context.input as { messages: unknown[] };
  }

  get isAborted(): boolean {
    return this.context.signal.aborted;
  }

  say(...outputs: readonly HandlerOutput[]): this {
    for (const output of outputs) this.#lines.push({ output });
    this.#wake?.();
    return this;
  }

  end(): void {
    this.#lines.push("end");
    this.#wake?.();
  }

  fail(failure: Error): void {
    this.#lines.push({ failure });
    this.#wake?.();
  }

  async *outputs(): AsyncGenerator<HandlerOutput> {
    while (!this.isAborted) {
      const line = this.#lines.shift();
      if (line === "end") return;
      if (line === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if ("failure" in line) throw line.failure;
      else yield line.output;
    }
  }
}

export class ScriptedHandler {
  readonly runs: ScriptedRun[] = [];
  readonly #waiting: (() => void)[] = [];

  readonly handler: Handler = (context) => {
    const run = new ScriptedRun(context);
    this.runs.push(run);
    for (const wake of this.#waiting.splice(0)) wake();
    return run.outputs();
  };

  /** The run of this number, from 0, when it has begun. */
  run(number: number): Promise<ScriptedRun> {
    const begun = async () => {
      while (this.runs.length <= number) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      return this.runs[number]!;
    };
    return within(`run ${number} of the handler`, begun());
  }
}
