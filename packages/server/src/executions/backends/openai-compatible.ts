import type { Handler } from "../handler.ts";
import type { ConversationMessage } from "./conversation.ts";
import { type EndpointOptions, endpointTarget } from "./endpoint-options.ts";
import { httpBackend } from "./http-backend.ts";
import { OpenAiTranslation } from "./openai-translation.ts";

export interface OpenAiCompatibleOptions extends EndpointOptions {
  /** Up to and including the version. @default "https://api.openai.com/v1" */
  readonly baseUrl?: string | undefined;
}

const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/**
 * Answers with any endpoint that speaks OpenAI's chat completions: OpenAI itself, Ollama, vLLM, llama.cpp, LM Studio, most
 * gateways.
 *
 * @throws TachikomaError CONFIG_INVALID
 * @example
 * const chat = openAiCompatible({ baseUrl: "http://127.0.0.1:11434/v1", model: "llama3.2" });
 */
export function openAiCompatible(options: OpenAiCompatibleOptions): Handler {
  const target = endpointTarget(
    options.baseUrl ?? DEFAULT_BASE_URL,
    "/chat/completions",
    options,
    (apiKey) => ({
      authorization: `Bearer ${apiKey}`,
    }),
  );
  const fixedFields = bodyFields(options, target.url);
  return httpBackend(
    {
      name: "openai-compatible",
      secrets: target.secrets,
      request: (messages: readonly ConversationMessage[]) => ({
        url: target.url,
        headers: target.headers,
        body: JSON.stringify({ ...fixedFields, messages }),
      }),
      translate: (context) => new OpenAiTranslation(context),
    },
    options,
  );
}

function bodyFields(options: OpenAiCompatibleOptions, url: URL): Record<string, unknown> {
  // OpenAI's newer models refuse `max_tokens`; most other servers know nothing else.
  const maxTokensField = url.hostname === "api.openai.com" ? "max_completion_tokens" : "max_tokens";
  return {
    stream_options: { include_usage: true },
    temperature: options.temperature,
    [maxTokensField]: options.maxOutputTokens,
    ...options.extraBody,
    model: options.model,
    stream: true,
  };
}
