// The answer of a person to `tool-approval-request`, as it comes in through `inputs`.
export interface Approval {
  readonly approvalId: string;
  readonly approved: boolean;
}

/**
 * Waits for the answer to one request. `undefined`: the execution has ended, because somebody cancelled it, say. What answers
 * something else, or does not say yes or no, is passed over: nothing is approved that was not said to be.
 */
export async function answerTo(
  approvalId: string,
  inputs: AsyncIterable<unknown>,
): Promise<Approval | undefined> {
  for await (const data of inputs) {
    if (isApproval(data) && data.approvalId === approvalId) return data;
  }
  return undefined;
}

function isApproval(data: unknown): data is Approval {
  if (typeof data !== "object" || data === null) return false;
  const { approvalId, approved } = data as Record<string, unknown>;
  return typeof approvalId === "string" && typeof approved === "boolean";
}
