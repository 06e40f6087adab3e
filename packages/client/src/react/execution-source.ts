import type { AttachOptions, Execution, TachikomaClient } from "../api.ts";
import { errorOf } from "./error-of.ts";
import { attaching, type ExecutionSnapshot, ExecutionView, NO_EXECUTION } from "./execution-view.ts";
import type { ViewSource } from "./shared-views.ts";
import { type OpenView, View } from "./view.ts";

type Source = ViewSource<ExecutionSnapshot>;
type Place = { readonly [Name in keyof AttachOptions]: AttachOptions[Name] | undefined };

/** One that is known by its id, followed for as long as somebody looks. */
export function sourceOfId(client: TachikomaClient, id: string, place: Place): Source {
  const key = JSON.stringify(["execution", id, place.channel, place.since, place.position]);
  return { key, open: () => attach(client, id, place) };
}

/** One that the application has: it is looked at, and left as it is. */
export function sourceOfGiven(execution: Execution): Source {
  return { key: execution, open: () => viewOf(execution, () => {}) };
}

/** One that a hook has started: followed while somebody looks, and taken up by its id when somebody looks again. */
export class StartedExecution implements Source {
  readonly key: Execution;
  readonly client: TachikomaClient;
  readonly execution: Execution;
  /** What the component had asked for until then. */
  readonly insteadOf: string | Execution | undefined;
  #identity: { readonly id: string; readonly channel: string } | undefined;
  #isLeft = false;

  constructor(client: TachikomaClient, execution: Execution, insteadOf: string | Execution | undefined) {
    this.key = execution;
    this.client = client;
    this.execution = execution;
    this.insteadOf = insteadOf;
    Promise.all([execution.id, execution.channel]).then(
      ([id, channel]) => {
        this.#identity = { id, channel };
      },
      // A refusal is told by the view.
      () => {},
    );
  }

  get id(): string | undefined {
    return this.#identity?.id;
  }

  readonly open = (): OpenView<ExecutionSnapshot> => {
    if (this.#isLeft && this.#identity !== undefined) {
      const { id, channel } = this.#identity;
      return attach(this.client, id, { channel });
    }
    return viewOf(this.execution, () => {
      this.#isLeft = true;
      this.execution.detach();
    });
  };
}

function attach(client: TachikomaClient, id: string, place: Place): OpenView<ExecutionSnapshot> {
  const given = Object.entries(place).filter(([, value]) => value !== undefined);
  try {
    const execution = client.execution(id, Object.fromEntries(given));
    return new ExecutionView(execution, attaching(id), () => execution.detach());
  } catch (cause) {
    const failed: ExecutionSnapshot = { ...attaching(id), status: "unknown", error: errorOf(cause) };
    return { view: new View(failed, () => failed), close: () => {} };
  }
}

function viewOf(execution: Execution, close: () => void): ExecutionView {
  return new ExecutionView(execution, { ...NO_EXECUTION, status: execution.status }, close);
}
