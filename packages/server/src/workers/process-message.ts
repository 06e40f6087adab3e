/** What the parent and its processes say to each other. Only what starts and stops them, and what only all of them together know. */
import { type ErrorCode, errorCodeOf, TachikomaError } from "@tachikoma/protocol";
import type { Settings } from "../config/settings.ts";
import type { NodesElsewhere } from "../stores/sqlite/node-state.ts";

/** Common to all of them. */
interface LogSettings {
  readonly settings: Settings;
  readonly isLogPretty: boolean;
}

export interface StartWorker extends LogSettings {
  readonly type: "start";
  readonly worker: number;
  /** Socket of the process that has the store; `undefined` where every worker reaches the store by itself. */
  readonly storePath: string | undefined;
}

export interface StartStore extends LogSettings {
  readonly type: "start";
  readonly socketFolder: string;
  readonly storePath: string;
  readonly nodes: NodesElsewhere;
}

/** From the parent. */
export type ParentMessage<Start> =
  | Start
  /** Everything stops. */
  | { readonly type: "stop" }
  /** Only this one: the others take its clients. */
  | { readonly type: "leave" }
  /** Asks for its own metrics. */
  | { readonly type: "tell-metrics"; readonly id: number }
  /** The answer to `gather-metrics`: what all workers told. */
  | { readonly type: "metrics"; readonly id: number; readonly parts: readonly MetricsPart[] };

/** To the parent. */
export type ChildMessage =
  /** It listens: what was said before would have been lost. */
  | { readonly type: "here" }
  | { readonly type: "serving"; readonly url?: string }
  | { readonly type: "failed"; readonly failure: StartFailure }
  /** It stops although nobody asked, as an operator may want one worker to. */
  | { readonly type: "leaving" }
  | { readonly type: "gather-metrics"; readonly id: number }
  | { readonly type: "told-metrics"; readonly id: number; readonly text: string };

export interface MetricsPart {
  /** Its number, or `store`. */
  readonly worker: string;
  /** `undefined` when it did not tell in time. */
  readonly text: string | undefined;
}

/** An error on its way to the parent, with what `listenFailure` looks at. */
export interface StartFailure {
  readonly message: string;
  readonly code?: string;
  readonly syscall?: string;
}

export function startFailureOf(thrown: unknown): StartFailure {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const { code, syscall } = thrown as { readonly code?: unknown; readonly syscall?: unknown };
  return {
    message,
    ...(typeof code === "string" ? { code } : {}),
    ...(typeof syscall === "string" ? { syscall } : {}),
  };
}

export function errorOfStart(failure: StartFailure): Error {
  const code = errorCodeOf(failure);
  if (code !== undefined) return new TachikomaError(code satisfies ErrorCode, failure.message);
  return Object.assign(new Error(failure.message), failure);
}
