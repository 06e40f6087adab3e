import { useCallback, useMemo, useState } from "react";
import type { AttachOptions, CommandResult, ExecuteOptions, Execution, TachikomaClient } from "../api.ts";
import { clientOf } from "./client-of.ts";
import { StartedExecution, sourceOfGiven, sourceOfId } from "./execution-source.ts";
import { attaching, type ExecutionSnapshot, NO_EXECUTION } from "./execution-view.ts";
import { type ViewSource, viewsOf } from "./shared-views.ts";
import { useTachikoma } from "./tachikoma-provider.ts";
import { useView } from "./use-view.ts";

/** Where the records of an execution are that is given by its id. */
export type UseExecutionOptions = AttachOptions;

export interface StartOptions extends ExecuteOptions {
  /** Where its records go. @default the hook's `channel`, else a private one */
  readonly channel?: string;
}

export interface UsedExecution extends ExecutionSnapshot {
  /** Runs a handler and shows it here, in place of what was shown before (which goes on). */
  start(handler: string, input: unknown, options?: StartOptions): Execution;
  /** Stops the work. `undefined` when there is none. */
  cancel(): Promise<CommandResult | undefined>;
  /** Steers, answers or approves: the handler reads it from its `inputs`. `undefined` when there is none. */
  input(data: unknown): Promise<CommandResult | undefined>;
}

type Target = string | Execution | undefined;

/**
 * Follows one execution: by its id, one that the application has started, or one that `start` starts. Unmounting stops nothing: the
 * execution goes on as its `onUnwatched` says. One that the application has started itself stays its own to `detach()`.
 *
 * @example
 * const answer = useExecution();
 * return <button onClick={() => answer.start("chat", { question })}>{answer.text || "Ask"}</button>;
 */
export function useExecution(target?: Target, options: UseExecutionOptions = {}): UsedExecution {
  const client = useTachikoma();
  const [started, setStarted] = useState<StartedExecution>();
  const { channel, since, position } = options;
  const isShown = started !== undefined && started.client === client && isMeant(started, target);
  const own = isShown ? started : undefined;
  const source = useMemo((): ViewSource<ExecutionSnapshot> | undefined => {
    if (own !== undefined) return own;
    if (client === undefined || target === undefined) return undefined;
    if (typeof target !== "string") return sourceOfGiven(target);
    return sourceOfId(client, target, { channel, since, position });
  }, [client, own, target, channel, since, position]);
  const unopened = useMemo(() => snapshotBefore(own, target), [own, target]);
  const snapshot = useView(client, source, unopened);

  const start = useCallback(
    (handler: string, input: unknown, { channel: ownChannel = channel, ...rest }: StartOptions = {}) => {
      const used = clientOf(client);
      const place = ownChannel === undefined ? used : used.channel(ownChannel);
      const next = new StartedExecution(used, place.execute(handler, input, rest), target);
      // The component may be gone before it looks.
      viewsOf(used).prepare(next);
      setStarted(next);
      return next.execution;
    },
    [client, channel, target],
  );
  const controls = useMemo(() => controlsOf(client, own?.execution ?? target), [client, own, target]);
  return useMemo(() => ({ ...snapshot, ...controls, start }), [snapshot, controls, start]);
}

/** What was started is shown until something else is asked for. Its own id is not something else. */
function isMeant({ insteadOf, id }: StartedExecution, target: Target): boolean {
  return insteadOf === target || (id !== undefined && id === target);
}

function snapshotBefore(own: StartedExecution | undefined, target: Target): ExecutionSnapshot {
  if (own !== undefined) return { ...NO_EXECUTION, status: "starting" };
  return typeof target === "string" ? attaching(target) : NO_EXECUTION;
}

function controlsOf(client: TachikomaClient | undefined, shown: Target) {
  // Where only the id is known, an execution is made for the command alone: it follows nothing.
  const execution = () => (typeof shown === "string" ? clientOf(client).execution(shown) : shown);
  return {
    cancel: async () => execution()?.cancel(),
    input: async (data: unknown) => execution()?.input(data),
  };
}
