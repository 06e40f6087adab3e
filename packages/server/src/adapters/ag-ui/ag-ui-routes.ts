/**
 * `POST /agui`: AG-UI 1.0, for its stock `HttpAgent`. A thread is a channel, and a run a command in it: the same run again is
 * followed again from its beginning.
 */
import { randomUUID } from "node:crypto";
import { MAX_HANDLER_CHARS, TachikomaError } from "@tachikoma/protocol";
import type { ClaimedExecution } from "../../core/requests/requests.ts";
import type { SessionServer } from "../../core/session-server.ts";
import type { Route, RouteRequest, RouteResponse } from "../../gateway/http/route.ts";
import { type ExecutionReading, executionFrames } from "../execution/execution-frames.ts";
import { InvalidParameter, readBody } from "../execution/request-body.ts";
import { onUnwatchedOf } from "../execution/request-options.ts";
import { SSE_HEADERS, SSE_KEEP_ALIVE, sseData } from "../execution/server-sent-events.ts";
import { readAttempt, withStarted } from "../execution/started-execution.ts";
import { type ApprovalAnswer, approvalAnswerOf, isApprovalRequest } from "./interrupt.ts";
import { runEvents } from "./run-events.ts";
import { handlerInput, type RunInput, runInput } from "./run-input.ts";

export const agUiRoutes: readonly Route[] = [
  { method: "POST", path: "/agui", answer: startOrResume },
  { method: "POST", path: "/agui/:handler", answer: startOrResume },
  { method: "POST", path: "/agui/threads/:thread/cancel", answer: cancel },
];

/** Of the channels that threads are. */
const NAMESPACE = "agui";

async function startOrResume(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { identity, url, parameters } = request;
  const onUnwatched = onUnwatchedOf(url);
  const input = await readBody(request, runInput);
  const channel = `${NAMESPACE}:${input.threadId}`;
  const answers = (input.resume ?? []).map(approvalAnswerOf);
  if (answers.length > 0) return resume(core, request, input, answers);
  const execution = {
    commandId: `agui:${input.runId}`,
    handler: handlerOf(core, parameters["handler"]),
    channel,
    input: handlerInput(input),
    onUnwatched,
  };
  return withStarted(core, identity, execution, async (started) => {
    if (started.channel !== channel) {
      throw new InvalidParameter("runId", "runId belongs to a run of another thread");
    }
    const { reader } = await readAttempt(core, identity, started, "merged");
    return stretch(request, input, { reader, executionId: started.executionId }, new Set());
  });
}

/** Answers interrupts of an execution and follows it on. The same answers again are the same commands. */
async function resume(
  core: SessionServer,
  request: RouteRequest,
  input: RunInput,
  answers: readonly ApprovalAnswer[],
): Promise<RouteResponse> {
  const { identity } = request;
  const executionId = answers[0]?.executionId ?? "";
  if (answers.some((answer) => answer.executionId !== executionId)) {
    throw new InvalidParameter("resume", "resume answers interrupts of several runs");
  }
  const execution = { executionId, channel: `${NAMESPACE}:${input.threadId}` };
  const approvals = new Set(answers.map(({ approvalId }) => approvalId));
  await requireAsked(core, request, execution, answers);
  const { reader } = await readAttempt(core, identity, execution, "merged");
  try {
    for (const answer of answers) await give(core, request, input.runId, answer);
  } catch (cause) {
    reader.close();
    throw cause;
  }
  return stretch(request, input, { reader, executionId }, approvals);
}

/** What was never asked is not waited for. It may be of another thread, or of an attempt that was lost. */
async function requireAsked(
  core: SessionServer,
  { identity, signal }: RouteRequest,
  execution: ClaimedExecution,
  answers: readonly ApprovalAnswer[],
): Promise<void> {
  const { reader, begin } = await readAttempt(core, identity, execution, "merged");
  const reading = { reader, executionId: execution.executionId, signal, untilSeq: begin.headSeq };
  const asked = new Set<string>();
  for await (const frame of executionFrames(reading)) {
    if (frame.type === "chunk" && isApprovalRequest(frame.chunk)) asked.add(frame.chunk.approvalId);
  }
  const index = answers.findIndex(({ approvalId }) => !asked.has(approvalId));
  if (index === -1) return;
  const place = `resume[${index}].interruptId`;
  throw new InvalidParameter(place, `${place} is no interrupt of what runs in the thread now`);
}

/** An answer counts once, whichever run gives it, unless there was no room for it. */
async function give(
  core: SessionServer,
  request: RouteRequest,
  runId: string,
  answer: ApprovalAnswer,
): Promise<void> {
  const { executionId, approvalId, data } = answer;
  for (const commandId of [`agui:${executionId}/${approvalId}`, `agui:${runId}/${approvalId}`]) {
    const { receipt } = await core.requests.input(request.identity, { commandId, executionId, data });
    if (receipt.error?.code !== "TOO_MANY_INPUTS") return;
  }
  throw new TachikomaError("TOO_MANY_INPUTS");
}

function stretch(
  { signal }: RouteRequest,
  run: RunInput,
  { reader, executionId }: Omit<ExecutionReading, "signal">,
  resumedApprovals: ReadonlySet<string>,
): RouteResponse {
  return {
    status: 200,
    headers: SSE_HEADERS,
    stream: texts(runEvents({ run, reading: { reader, executionId, signal }, resumedApprovals })),
    keepAlive: SSE_KEEP_ALIVE,
  };
}

async function* texts(events: AsyncIterable<object>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) yield sseData(event);
}

/** The one that the path names, or the only one that there is. */
function handlerOf(core: SessionServer, named: string | undefined): string {
  if (named !== undefined) return named.slice(0, MAX_HANDLER_CHARS + 1);
  const { handlerNames } = core.requests;
  const [only] = handlerNames;
  if (only !== undefined && handlerNames.length === 1) return only;
  throw new TachikomaError(
    "UNKNOWN_HANDLER",
    `/agui/NAME says which handler is meant; there are: ${handlerNames.join(", ")}`,
  );
}

/** Stops what runs in a thread. Comes back when it has taken effect. */
async function cancel(core: SessionServer, request: RouteRequest): Promise<RouteResponse> {
  const { identity, parameters } = request;
  const last = await core.requests.lastExecution(identity, `${NAMESPACE}:${parameters["thread"] ?? ""}`);
  if (last === undefined || last.endSeq !== undefined) throw new TachikomaError("UNKNOWN_EXECUTION");
  const { executionId } = last;
  const { final } = await core.requests.cancel(identity, {
    commandId: `cancel:${randomUUID()}`,
    executionId,
  });
  const { status } = await final;
  return { status: 200, json: JSON.stringify({ execution_id: executionId, status }) };
}
