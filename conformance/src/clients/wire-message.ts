/** Messages as they stand on the wire, with nothing known of them but their names. */
import { type Position, parsePosition } from "@tachikoma/protocol";

/** A message of the server. */
export interface WireMessage {
  readonly type: string;
  readonly ref?: string;
  readonly channel?: string;
  readonly position?: string;
  readonly n?: number;
  readonly data?: unknown;
  readonly sender?: string;
  readonly connection_id?: string;
  readonly session_id?: string;
  readonly client_id?: string;
  readonly server_version?: string;
  readonly resumed?: boolean;
  readonly recovered?: boolean;
  readonly reason?: string;
  readonly subscriptions?: readonly WireSubscription[];
  readonly code?: string;
  readonly message?: string;
  readonly status?: string;
  readonly execution_id?: string;
  readonly handler?: string;
  readonly usage?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly message: string };
  readonly chunk?: WireChunk;
  readonly event?: string;
  readonly members?: readonly { readonly client_id: string; readonly state: unknown }[];
  readonly in_ms?: number;
  readonly [field: string]: unknown;
}

export interface WireChunk {
  readonly type: string;
  readonly id?: string;
  readonly delta?: string;
  readonly [field: string]: unknown;
}

/** One entry of `subscriptions` in `welcome`. */
export interface WireSubscription {
  readonly channel: string;
  readonly position?: string;
  readonly recovered: boolean;
  readonly reason?: string;
}

/** A message that carries records. */
export interface RecordFrame extends WireMessage {
  readonly channel: string;
  readonly position: string;
}

const TERMINAL_TYPES: ReadonlySet<string> = new Set([
  "execution_completed",
  "execution_failed",
  "execution_cancelled",
  "execution_interrupted",
]);

const RECORD_TYPES: ReadonlySet<string> = new Set([
  "message",
  "chunk",
  "skip",
  "execution_started",
  "execution_restarted",
  ...TERMINAL_TYPES,
]);

export function isRecordFrame(message: WireMessage): message is RecordFrame {
  return (
    RECORD_TYPES.has(message.type) &&
    typeof message.channel === "string" &&
    typeof message.position === "string"
  );
}

export function isTerminal(message: WireMessage): boolean {
  return TERMINAL_TYPES.has(message.type);
}

/** @throws when the text is no position: a case that asks has been promised one */
export function positionOf(text: unknown): Position {
  const position = typeof text === "string" ? parsePosition(text) : undefined;
  if (position === undefined) throw new Error(`${JSON.stringify(text)} is not a position (POS-2)`);
  return position;
}

/** Number of the last record that a frame or an answer speaks of. */
export function seqOf(message: WireMessage | undefined): number {
  return positionOf(message?.position).seq;
}

/** The records that a frame covers (DEL-1). */
export function coverOf(frame: RecordFrame): { readonly fromSeq: number; readonly toSeq: number } {
  const toSeq = seqOf(frame);
  return { fromSeq: toSeq - (frame.n ?? 1) + 1, toSeq };
}

/** What the text parts of an execution add up to. */
export function textOf(frames: readonly RecordFrame[], executionId: string): string {
  return frames
    .filter((frame) => frame.execution_id === executionId && frame.chunk?.type === "text-delta")
    .map((frame) => frame.chunk!.delta)
    .join("");
}
