/** A server with handlers to ask, and the stock client that asks it. */
import type { Chunk } from "@tachikoma/protocol";
import OpenAI from "openai";
import type { ExecutionContext } from "../../../executions/handler.ts";
import type { ServerOptions } from "../../../server-options.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";

export interface OpenAiFixture {
  readonly server: TestServer;
  readonly client: OpenAI;
}

export async function startOpenAi(
  executions: NonNullable<ServerOptions["executions"]>,
  options: Omit<ServerOptions, "executions"> & { readonly key?: string } = {},
): Promise<OpenAiFixture> {
  const { key = "none", ...serverOptions } = options;
  const server = await startTestServer({ ...serverOptions, executions });
  return { server, client: clientOf(server, key) };
}

/** It repeats nothing by itself: a test says what is asked. */
export function clientOf(server: TestServer, apiKey = "none"): OpenAI {
  return new OpenAI({ apiKey, baseURL: server.httpUrl("/v1"), maxRetries: 0, timeout: 5_000 });
}

/** Text, a thought and a call, in two steps. */
export async function* everything({ usage }: ExecutionContext): AsyncGenerator<Chunk> {
  usage({ inputTokens: 7, outputTokens: 5, totalTokens: 12, cachedInputTokens: 3, reasoningTokens: 2 });
  yield { type: "start-step" };
  yield { type: "reasoning-start", id: "r" };
  yield { type: "reasoning-delta", id: "r", delta: "Let me " };
  yield { type: "reasoning-delta", id: "r", delta: "think." };
  yield { type: "reasoning-end", id: "r" };
  yield { type: "tool-input-start", toolCallId: "c1", toolName: "weather" };
  yield { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '{"city":' };
  yield { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '"Köln"}' };
  yield { type: "tool-input-available", toolCallId: "c1", toolName: "weather", input: { city: "Köln" } };
  yield { type: "tool-output-available", toolCallId: "c1", output: { sky: "grey" } };
  yield { type: "finish-step" };
  yield { type: "start-step" };
  yield { type: "text-start", id: "t" };
  yield { type: "text-delta", id: "t", delta: "It is " };
  yield { type: "text-delta", id: "t", delta: "" };
  yield { type: "text-delta", id: "t", delta: "grey 🌧" };
  yield { type: "text-delta", id: "t", delta: "\n\r\u2028 there." };
  yield { type: "text-end", id: "t" };
  yield { type: "finish-step" };
  yield { type: "finish", finishReason: "stop" };
}
