/**
 * The message that an execution has written so far. An entry of its own, so that who only reads text does not carry the fold.
 */
import { emptyMessage, type FoldedMessage, foldChunks } from "@tachikoma/protocol";
import type { Execution } from "./api.ts";

export type { FoldedMessage } from "@tachikoma/protocol";
export { textOf } from "@tachikoma/protocol";

/**
 * Folds what has arrived of an execution into a message with parts: text, reasoning, tool calls, files, data.
 *
 * @example
 * run.on("chunk", () => show(messageOf(run)));
 */
export function messageOf(execution: Pick<Execution, "chunks">): FoldedMessage {
  return foldChunks(emptyMessage(), execution.chunks);
}
