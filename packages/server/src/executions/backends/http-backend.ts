/**
 * Runs an execution against a model endpoint over HTTP:
 *
 *     start, start-step | request -> events -> chunks (tried again while nothing of the answer is out) | finish-step, finish
 *
 * Only an answer that the endpoint itself called complete gets a `finish`; every other end is thrown.
 */
import type { Chunk, FinishReason } from "@tachikoma/protocol";
import type { ExecutionContext, Handler } from "../handler.ts";
import { type BackendPorts, backendPorts, wait } from "./backend-ports.ts";
import type { ChatEndpoint, Translation } from "./chat-endpoint.ts";
import { readConversation, withSystemPrompt } from "./conversation.ts";
import { decideRetry, RETRY_POLICY, type RetryPolicy } from "./retry-decision.ts";
import { UpstreamError } from "./upstream-fault.ts";
import {
  UPSTREAM_LIMITS,
  type UpstreamLimits,
  type UpstreamRequest,
  upstreamEvents,
} from "./upstream-request.ts";
import { type CleanText, textCleaner } from "./upstream-text.ts";

export interface HttpBackendOptions {
  /** Precedes every conversation; clients can neither see nor remove it. */
  readonly system?: string | undefined;
  readonly limits?: Partial<UpstreamLimits>;
  readonly retry?: Partial<RetryPolicy>;
  readonly ports?: Partial<BackendPorts>;
}

/** Usage that follows a complete answer comes at once or not at all. */
const TRAILER_TIMEOUT_MS = 5_000;
/** After the last event only the end of the body is missing; with it the connection can be used again. */
const END_TIMEOUT_MS = 250;

interface Run {
  readonly endpoint: ChatEndpoint;
  readonly request: UpstreamRequest;
  readonly limits: UpstreamLimits;
  readonly policy: RetryPolicy;
  readonly ports: BackendPorts;
  readonly clean: CleanText;
  readonly context: ExecutionContext;
}

interface Progress {
  /** A piece of the answer has left the backend. */
  hasOutput: boolean;
}

export function httpBackend(endpoint: ChatEndpoint, options: HttpBackendOptions): Handler {
  const limits = { ...UPSTREAM_LIMITS, ...options.limits };
  const policy = { ...RETRY_POLICY, ...options.retry };
  const ports = backendPorts(options.ports);
  const clean = textCleaner(endpoint.secrets);
  return (context) => {
    const messages = withSystemPrompt(readConversation(context.input), options.system);
    const request = endpoint.request(messages);
    return answer({ endpoint, request, limits, policy, ports, clean, context });
  };
}

async function* answer(run: Run): AsyncGenerator<Chunk, void, undefined> {
  yield { type: "start", messageId: run.context.executionId };
  yield { type: "start-step" };
  const finishReason = yield* persistently(run);
  yield { type: "finish-step" };
  yield { type: "finish", finishReason };
}

async function* persistently(run: Run): AsyncGenerator<Chunk, FinishReason, undefined> {
  const { policy, ports, context } = run;
  const progress: Progress = { hasOutput: false };
  for (let number = 1, waitedMs = 0; ; number++) {
    try {
      return yield* once(run, progress);
    } catch (thrown) {
      if (!(thrown instanceof UpstreamError)) throw thrown;
      const attempt = { number, waitedMs, hasOutput: progress.hasOutput, policy };
      const decision = decideRetry(attempt, thrown.fault, ports.clock.nowMs(), ports.random.fraction());
      logFault(run, thrown, { attempt: number, decision });
      if (decision.kind === "give-up") throw thrown;
      waitedMs += decision.waitMs;
      await wait(ports.clock, decision.waitMs, context.signal);
    }
  }
}

async function* once(run: Run, progress: Progress): AsyncGenerator<Chunk, FinishReason, undefined> {
  const { context, clean, limits } = run;
  const translation = run.endpoint.translate({
    executionId: context.executionId,
    clean,
    usage: (usage) => context.usage(usage),
  });
  const trailerTimeoutMs = () => trailerTimeout(translation, limits);
  const events = upstreamEvents(run.request, {
    limits,
    clock: run.ports.clock,
    clean,
    signal: context.signal,
    trailerTimeoutMs,
  });
  try {
    for await (const batch of events) {
      // One more read after the last event, to see the body end; whatever else it brings is not for us.
      if (isClosed(translation)) break;
      for (const event of batch) {
        if (isClosed(translation)) break;
        yield* noted(translation.accept(event), progress);
      }
    }
  } catch (thrown) {
    // The answer is whole: how the connection ends after that is nobody's problem.
    if (translation.state === "open" || context.signal.aborted) throw thrown;
  }
  if (translation.state === "open")
    throw new UpstreamError({ kind: "cut", detail: "the stream ended early" });
  yield* translation.close();
  return translation.finishReason;
}

function* noted(chunks: readonly Chunk[], progress: Progress): Generator<Chunk, void, undefined> {
  if (chunks.length > 0) progress.hasOutput = true;
  yield* chunks;
}

function isClosed(translation: Translation): boolean {
  return translation.state === "closed";
}

function trailerTimeout(translation: Translation, limits: UpstreamLimits): number | undefined {
  switch (translation.state) {
    case "open":
      return undefined;
    case "complete":
      return Math.min(TRAILER_TIMEOUT_MS, limits.idleTimeoutMs);
    case "closed":
      return Math.min(END_TIMEOUT_MS, limits.idleTimeoutMs);
  }
}

function logFault(run: Run, error: UpstreamError, circumstances: object): void {
  const { endpoint, request, context, ports } = run;
  const fields = {
    executionId: context.executionId,
    backend: endpoint.name,
    origin: request.url.origin,
    code: error.code,
    ...circumstances,
  };
  ports.logger.warn(fields, error.message);
}
