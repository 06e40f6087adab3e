/** Tokens, as each of OpenAI's forms counts them. What nobody told is 0. */
import type { Usage } from "@tachikoma/protocol";

export interface TokenCounts {
  readonly input: number;
  readonly output: number;
  readonly total: number;
  readonly cachedInput: number;
  readonly reasoning: number;
}

export function tokenCounts(usage: Usage): TokenCounts {
  const count = (name: string): number => {
    const value = usage[name];
    return typeof value === "number" ? Math.round(value) : 0;
  };
  const [input, output] = [count("inputTokens"), count("outputTokens")];
  return {
    input,
    output,
    total: count("totalTokens") || input + output,
    cachedInput: count("cachedInputTokens"),
    reasoning: count("reasoningTokens"),
  };
}

export function completionUsage(usage: Usage): object {
  const { input, output, total, cachedInput, reasoning } = tokenCounts(usage);
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: total,
    prompt_tokens_details: { cached_tokens: cachedInput },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

export function responseUsage(usage: Usage): object {
  const { input, output, total, cachedInput, reasoning } = tokenCounts(usage);
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cachedInput, cache_write_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: total,
  };
}
