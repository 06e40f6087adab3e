import { Badge } from "../design/badge.tsx";
import type { HandlerInfo } from "./server-stats.ts";

interface HandlerChoiceProps {
  readonly handlers: readonly HandlerInfo[];
  readonly chosen: string;
  readonly onChoose: (name: string) => void;
}

/** Who answers: a label, a choice where there are several, and a clear word when it is no model at all. */
export function HandlerChoice({ handlers, chosen, onChoose }: HandlerChoiceProps) {
  const handler = handlers.find((candidate) => candidate.name === chosen);
  return (
    <div class="handler-choice">
      {handlers.length > 1 ? (
        <select
          class="field handler-select"
          aria-label="Who answers"
          data-testid="handler"
          value={chosen}
          onChange={(event) => onChoose(event.currentTarget.value)}
        >
          {handlers.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      ) : (
        handler !== undefined &&
        handler.backend !== "demo" && (
          <span class="handler-label" title={`Handler ${handler.name}, backend ${handler.backend}`}>
            {handler.label}
          </span>
        )
      )}
      {handler?.backend === "demo" && (
        <Badge tone="warn" testId="demo-badge">
          demo - not a model
        </Badge>
      )}
    </div>
  );
}

/** The handler that the page talks to before anybody chose: `chat` where there is one. */
export function defaultHandler(handlers: readonly HandlerInfo[]): string {
  const hasChat = handlers.length === 0 || handlers.some((handler) => handler.name === "chat");
  return hasChat ? "chat" : handlers[0]!.name;
}
