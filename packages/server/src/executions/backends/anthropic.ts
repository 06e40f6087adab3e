import type { Handler } from "../handler.ts";
import { AnthropicTranslation } from "./anthropic-translation.ts";
import type { ConversationMessage } from "./conversation.ts";
import { type EndpointOptions, endpointTarget } from "./endpoint-options.ts";
import { httpBackend } from "./http-backend.ts";

export interface AnthropicOptions extends EndpointOptions {
  /** @default "https://api.anthropic.com" */
  readonly baseUrl?: string | undefined;
}

const DEFAULT_BASE_URL = "https://api.anthropic.com";
const API_VERSION = "2023-06-01";
/** The endpoint refuses a request without a limit. */
const DEFAULT_MAX_OUTPUT_TOKENS = 4096;

/**
 * Answers with Anthropic's Messages API, or anything that speaks it.
 *
 * @throws TachikomaError CONFIG_INVALID
 * @example
 * const chat = anthropic({ model: "claude-sonnet-4-5", apiKey: process.env.ANTHROPIC_API_KEY });
 */
export function anthropic(options: AnthropicOptions): Handler {
  const baseUrl = options.baseUrl ?? DEFAULT_BASE_URL;
  // Both forms of the address are in use.
  const path = /\/v1\/*$/.test(baseUrl) ? "/messages" : "/v1/messages";
  const target = endpointTarget(baseUrl, path, options, (apiKey) => ({ "x-api-key": apiKey }));
  const headers = { "anthropic-version": API_VERSION, ...target.headers };
  const fixedFields = bodyFields(options);
  return httpBackend(
    {
      name: "anthropic",
      secrets: target.secrets,
      request: (messages) => ({
        url: target.url,
        headers,
        body: JSON.stringify({ ...fixedFields, ...conversationFields(messages) }),
      }),
      translate: (context) => new AnthropicTranslation(context),
    },
    options,
  );
}

function bodyFields(options: AnthropicOptions): Record<string, unknown> {
  return {
    temperature: options.temperature,
    max_tokens: options.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS,
    ...options.extraBody,
    model: options.model,
    stream: true,
  };
}

/** The system prompt has a field of its own here. */
function conversationFields(messages: readonly ConversationMessage[]) {
  const system = messages.filter((message) => message.role === "system").map((message) => message.content);
  return {
    ...(system.length === 0 ? {} : { system: system.join("\n\n") }),
    messages: messages.filter((message) => message.role !== "system"),
  };
}
