/** Loads nothing of the protocol package: a worker that uses it would spend most of its start on that. */
import type { Position } from "@tachikoma/protocol";

/** Why an append is refused that was meant for another end of its log; `undefined` where the log ends as expected. */
export function headFault(expected: Position, head: Position | undefined): string | undefined {
  const isThere = head?.epoch === expected.epoch && head.seq === expected.seq && head.tag === expected.tag;
  return isThere ? undefined : headMovedMessage(expected, head && textOf(head));
}

/** @param head where the log ends, in wire form; `undefined` where there is none */
export function headMovedMessage(expected: Position, head: string | undefined): string {
  const found = head === undefined ? "there is no such log" : `it ends at ${head}`;
  return `The log was expected to end at ${textOf(expected)}; ${found}`;
}

function textOf({ epoch, seq, tag }: Position): string {
  return `${epoch}.${seq}.${tag}`;
}
