import type { Usage } from "@tachikoma/protocol";
import type { EndedOutcome, Outcome } from "./chat-view.ts";

/** One line below an answer: how it stands or how it ended. */
export function outcomeText(outcome: Outcome): string {
  if (outcome.state === "running") return "Writing";
  return joined(endText(outcome), usageText(outcome.usage));
}

function endText({ state, error, reason }: EndedOutcome): string {
  switch (state) {
    case "completed":
      return "Completed";
    case "failed":
      return error === undefined ? "Failed" : `Failed: ${error.message} (${error.code})`;
    case "cancelled":
      return reason === "unwatched" ? "Stopped because nobody was watching" : "Stopped";
    case "interrupted":
      return reason === "server_stopped"
        ? "Interrupted: the server stopped"
        : "Interrupted: the server that wrote it was lost";
  }
}

export function usageText(usage: Usage | undefined): string {
  if (usage === undefined) return "";
  const { inputTokens, outputTokens, totalTokens } = usage;
  if (outputTokens !== undefined) {
    return inputTokens === undefined
      ? `${outputTokens} tokens`
      : `${inputTokens} tokens in, ${outputTokens} out`;
  }
  return totalTokens === undefined ? "" : `${totalTokens} tokens`;
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" · ");
}
