// The agent: what it says, the tools that it calls, and the question before the one that moves money.
import { type ExecutionContext, type HandlerOutput, TachikomaError } from "@tachikoma/server";
import { answerTo } from "./approval.ts";
import { lookUp, refund } from "./orders.ts";

type Output = AsyncGenerator<HandlerOutput, void, undefined>;

export async function* agent({ input, inputs, signal }: ExecutionContext): Output {
  const orderId = orderIn(input);
  yield `I look at order ${orderId}. `;
  yield* toolInput("look-up", "look_up_order", { orderId });
  const order = lookUp(orderId);
  if (order === undefined) {
    yield { type: "tool-output-error", toolCallId: "look-up", errorText: `There is no order ${orderId}` };
    yield "I find no such order.";
    return;
  }
  yield { type: "tool-output-available", toolCallId: "look-up", output: order };
  if (order.isRefunded) {
    yield "It was refunded already.";
    return;
  }

  yield `${order.paidEuros} euros were paid for it. I would give them back. `;
  const toolCallId = "refund";
  yield* toolInput(toolCallId, "refund_order", { orderId, euros: order.paidEuros });
  const approvalId = "may-i-refund";
  yield { type: "tool-approval-request", approvalId, toolCallId };

  // For as long as it takes: whoever answers may do so from any device, also when all who watched have gone.
  const answer = await answerTo(approvalId, inputs);
  if (answer === undefined) return;
  yield { type: "tool-approval-response", approvalId, approved: answer.approved };
  yield* answer.approved ? runRefund(toolCallId, orderId, signal) : leaveIt(toolCallId);
}

async function* runRefund(toolCallId: string, orderId: string, signal: AbortSignal): Output {
  // The cancel may have come just behind the answer.
  if (signal.aborted) return;
  try {
    const output = refund(orderId);
    yield { type: "tool-output-available", toolCallId, output };
    yield `Done: ${output.refundedEuros} euros are on their way.`;
  } catch (error) {
    yield { type: "tool-output-error", toolCallId, errorText: String(error) };
    yield "That did not work.";
  }
}

async function* leaveIt(toolCallId: string): Output {
  yield { type: "tool-output-denied", toolCallId };
  yield "Then I leave it as it is.";
}

/** As a model streams it: the name first, then the JSON in pieces. */
async function* toolInput(toolCallId: string, toolName: string, input: object): Output {
  yield { type: "tool-input-start", toolCallId, toolName };
  for (const inputTextDelta of JSON.stringify(input).split(/(?<=,)/)) {
    yield { type: "tool-input-delta", toolCallId, inputTextDelta };
  }
  yield { type: "tool-input-available", toolCallId, toolName, input };
}

/** Stands for the model that understands what is asked: the last number in it is the order. */
function orderIn(input: unknown): string {
  const orderId = /\d+(?=\D*$)/.exec(JSON.stringify(input) ?? "")?.[0];
  if (orderId !== undefined) return orderId;
  throw new TachikomaError("INVALID_MESSAGE", "Say which order it is about, as in: Refund order 7");
}
