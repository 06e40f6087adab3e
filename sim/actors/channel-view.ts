/** What one reader has seen of one channel since it began, or began again: for the history, and to fold it at the end. */
import type { Chunk, Position } from "@tachikoma/protocol";
import type { Recorder } from "../recorder.ts";

type ViewRecorder = Pick<Recorder, "write">;

export interface SeenExecution {
  readonly chunks: Chunk[];
  hasEnded: boolean;
}

export class ChannelView {
  readonly channel: string;
  readonly executions = new Map<string, SeenExecution>();
  at: Position | undefined;
  readonly #recorder: ViewRecorder;
  readonly #session: string;
  readonly #onFolded: (executionId: string, chunks: readonly Chunk[]) => void;

  constructor(
    channel: string,
    session: string,
    recorder: ViewRecorder,
    onFolded: (executionId: string, chunks: readonly Chunk[]) => void,
  ) {
    this.channel = channel;
    this.#session = session;
    this.#recorder = recorder;
    this.#onFolded = onFolded;
  }

  get stream(): string {
    return `default/${this.channel}`;
  }

  begin(at: Position): void {
    this.#recorder.write({
      kind: "sub",
      session: this.#session,
      stream: this.stream,
      epoch: at.epoch,
      seq: at.seq,
    });
    this.at ??= at;
  }

  reset(reason: string, to: Position): void {
    const { epoch, seq } = to;
    this.#recorder.write({ kind: "reset", session: this.#session, stream: this.stream, reason, epoch, seq });
    this.at = to;
    this.executions.clear();
  }

  end(): void {
    this.#recorder.write({ kind: "unsub", session: this.#session, stream: this.stream });
  }

  apply(conn: string, last: Position, val: string, isMergeable: boolean): void {
    // How many records a delta stands for is not shown to an application: from behind the last one. If that is not so, the
    // content does not add up.
    const fromSeq = isMergeable && this.at?.epoch === last.epoch ? this.at.seq + 1 : last.seq;
    this.#recorder.write({
      kind: "apply",
      session: this.#session,
      conn,
      stream: this.stream,
      ...last,
      val,
      ...(fromSeq < last.seq ? { fromSeq } : {}),
    });
    this.at = last;
  }

  started(executionId: string): void {
    this.executions.set(executionId, { chunks: [], hasEnded: false });
  }

  /** What it has written so far is void. */
  restarted(executionId: string): void {
    this.executions.get(executionId)?.chunks.splice(0);
  }

  chunk(executionId: string, chunk: Chunk): void {
    this.executions.get(executionId)?.chunks.push(chunk);
  }

  ended(executionId: string): void {
    const seen = this.executions.get(executionId);
    this.executions.delete(executionId);
    if (seen !== undefined) this.#onFolded(executionId, seen.chunks);
  }
}
