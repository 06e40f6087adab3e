/**
 * What a run leaves behind, one record per line, for the checker to judge afterwards. The harness writes what was asked
 * (`pub.invoke`), what was answered (`pub.ok`), what an application saw (`apply`) and what it did to the system
 * (`fault.on`), all on one clock and in the order in which it happened.
 *
 * `stream` is `tenant/channel`. `val` is the content as text; published values are unique in a history, contents of chunks
 * need not be. An `apply` of merged chunks covers `fromSeq` to `seq` and carries their contents joined.
 */
export type HistoryRecord =
  | PublishInvoked
  | PublishAcknowledged
  | PublishFailed
  | PublishUnknown
  | Applied
  | OnWire
  | ResetSeen
  | Subscribed
  | Unsubscribed
  | Granted
  | Revoked
  | Connected
  | Closed
  | ExecutionStarted
  | ExecutionChunk
  | ExecutionTerminal
  | ExecutionLost
  | StoreLost
  | CancelInvoked
  | CancelAcknowledged
  | UpstreamSent
  | UpstreamAborted
  | CallFailed
  | ProcessError
  | FaultOn
  | FaultOff
  | PhaseMark
  | MemorySample
  | LogDump;

export type RecordKind = HistoryRecord["kind"];
export type RecordOf<K extends RecordKind> = Extract<HistoryRecord, { kind: K }>;

interface Timed {
  /** Milliseconds on the clock of the run, which only grows. */
  readonly timeMs: number;
}

/** One or several records of a log, at the place of the last one. */
interface Placed {
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
  readonly tag: string;
}

interface PublishInvoked extends Timed {
  readonly kind: "pub.invoke";
  /** Names this attempt; the answer carries it too. */
  readonly op: string;
  readonly stream: string;
  readonly val: string;
  readonly publisher?: string;
  /** Idempotency key; a retry carries the same key and value. */
  readonly idem?: string;
  /** Sessions that must not get it. */
  readonly exclude?: readonly string[];
}

interface PublishAcknowledged extends Timed, Placed {
  readonly kind: "pub.ok";
  readonly op: string;
}

interface PublishFailed extends Timed {
  readonly kind: "pub.fail";
  readonly op: string;
  readonly code: string;
}

/** Nobody knows whether it was appended: the connection was lost before the answer. */
interface PublishUnknown extends Timed {
  readonly kind: "pub.info";
  readonly op: string;
}

interface Delivery extends Timed, Placed {
  readonly session: string;
  readonly conn: string;
  readonly val: string;
  /** First record covered; absent when it is `seq`. */
  readonly fromSeq?: number;
}

/** What the application saw, after the client removed duplicates. */
interface Applied extends Delivery {
  readonly kind: "apply";
}

/** What arrived, before the client removed duplicates. */
interface OnWire extends Delivery {
  readonly kind: "wire";
}

interface ResetSeen extends Timed {
  readonly kind: "reset";
  readonly session: string;
  readonly stream: string;
  readonly reason: string;
  /** Where the session goes on. */
  readonly epoch: string;
  readonly seq: number;
}

/** With a position: the first record that the session gets is the one after it. A resumed subscription changes nothing. */
interface Subscribed extends Timed {
  readonly kind: "sub";
  readonly session: string;
  readonly stream: string;
  readonly epoch?: string;
  readonly seq?: number;
}

interface Unsubscribed extends Timed {
  readonly kind: "unsub";
  readonly session: string;
  readonly stream: string;
}

/** From here the session may read the stream. Streams without any `grant` or `revoke` for a session are open to it. */
interface Granted extends Timed {
  readonly kind: "grant";
  readonly session: string;
  readonly stream: string;
}

interface Revoked extends Timed {
  readonly kind: "revoke";
  readonly session: string;
  readonly stream: string;
}

interface Connected extends Timed {
  readonly kind: "conn";
  readonly session: string;
  readonly conn: string;
  readonly tenant: string;
}

interface Closed extends Timed {
  readonly kind: "close";
  readonly session: string;
  readonly conn: string;
  readonly code: number;
}

interface ExecutionStarted extends Timed {
  readonly kind: "gen.start";
  readonly gen: string;
  readonly stream: string;
  readonly fence: number;
  readonly val?: string;
}

/** An append of one chunk that the owner with this fence was told has succeeded. */
interface ExecutionChunk extends Timed {
  readonly kind: "gen.chunk";
  readonly gen: string;
  readonly fence: number;
  readonly val: string;
}

interface ExecutionTerminal extends Timed {
  readonly kind: "gen.terminal";
  readonly gen: string;
  readonly fence: number;
  readonly outcome: "completed" | "failed" | "cancelled" | "interrupted";
  readonly val?: string;
}

/** The store has lost the newest of what was appended for an execution: so many appends, and perhaps its start. */
interface ExecutionLost extends Timed {
  readonly kind: "gen.lost";
  readonly gen: string;
  readonly appendCount: number;
  readonly isStartLost: boolean;
}

/** The store has lost something: what it had answered last before this may be gone. */
interface StoreLost extends Timed {
  readonly kind: "store.lost";
}

interface CancelInvoked extends Timed {
  readonly kind: "cancel.invoke";
  readonly op: string;
  readonly gen: string;
}

/** The cancel was accepted. One that came after the end is a `call.fail`. */
interface CancelAcknowledged extends Timed {
  readonly kind: "cancel.ok";
  readonly op: string;
  readonly gen: string;
}

interface UpstreamSent extends Timed {
  readonly kind: "llm.sent";
  readonly gen: string;
}

interface UpstreamAborted extends Timed {
  readonly kind: "llm.abort";
  readonly gen: string;
}

/** Any call but a publish that was refused. */
interface CallFailed extends Timed {
  readonly kind: "call.fail";
  readonly call: string;
  readonly code: string;
}

/** An unhandled rejection or an uncaught exception of a process under test. */
interface ProcessError extends Timed {
  readonly kind: "process.error";
  readonly process: string;
  readonly text: string;
}

interface FaultOn extends Timed {
  readonly kind: "fault.on";
  readonly fault: string;
}

interface FaultOff extends Timed {
  readonly kind: "fault.off";
  readonly fault: string;
}

/** `heal`: no more faults from here. `quiescent`: no more work either. `end`: the run was watched up to here. */
interface PhaseMark extends Timed {
  readonly kind: "phase";
  readonly phase: "heal" | "quiescent" | "end";
}

interface MemorySample extends Timed {
  readonly kind: "mem";
  readonly process: string;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** `baseline`: before the load. `settled`: after the load and a forced garbage collection. */
  readonly moment?: "baseline" | "load" | "settled";
}

/**
 * What was written to a stream in one epoch. The last dump of a stream is what remained of it: records up to `baseSeq` were
 * trimmed. Those before it are of epochs that have ended.
 */
interface LogDump extends Timed {
  readonly kind: "log.dump";
  readonly stream: string;
  readonly epoch: string;
  readonly baseSeq: number;
  readonly entries: readonly LogEntry[];
}

export interface LogEntry {
  readonly seq: number;
  readonly tag: string;
  readonly val: string;
  readonly idem?: string;
  readonly gen?: string;
  readonly fence?: number;
  readonly role?: "start" | "chunk" | "terminal";
  readonly exclude?: readonly string[];
}
