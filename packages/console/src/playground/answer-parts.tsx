import { isToolPart, type MessagePart, type ToolPart } from "@tachikoma/protocol";
import { safeHref } from "../markdown/inline.ts";
import { Markdown } from "../markdown/markdown.tsx";

/** The parts of an answer, in the order in which they came. Parts without anything to see are left out. */
export function AnswerParts({ parts }: { readonly parts: readonly MessagePart[] }) {
  return (
    <>
      {parts.map((part, index) => (
        <Part key={index} part={part} />
      ))}
    </>
  );
}

function Part({ part }: { readonly part: MessagePart }) {
  if (isToolPart(part)) return <ToolCallView part={part} />;
  switch (part.type) {
    case "text":
      return <Markdown text={(part as { text: string }).text} />;
    case "reasoning": {
      const { text, state } = part as { text: string; state: string };
      return (
        <details class="part-details" data-testid="reasoning">
          <summary>{state === "streaming" ? "Thinking" : "Thought"}</summary>
          <Markdown text={text} />
        </details>
      );
    }
    case "steering-message":
      return <SteeringMark text={steeringText(part)} />;
    case "source-url": {
      const { url, title } = part as { url: string; title?: string };
      const href = safeHref(url);
      if (href === undefined) return null;
      return (
        <p class="part-source">
          Source:{" "}
          <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">
            {title ?? href}
          </a>
        </p>
      );
    }
    default:
      return null;
  }
}

function SteeringMark({ text }: { readonly text: string }) {
  return (
    <p class="steering-mark" data-testid="steering-mark">
      <span>You said meanwhile:</span> {text}
    </p>
  );
}

/** What a person said to the running answer, as the answer's own log holds it. */
export function steeringText(part: MessagePart): string {
  if (part.type !== "steering-message") return "";
  const { parts } = part as { parts: readonly { type: string; text?: unknown }[] };
  return parts.map((piece) => (piece.type === "text" ? String(piece.text) : "")).join("");
}

function ToolCallView({ part }: { readonly part: ToolPart }) {
  return (
    <details class="part-details" data-testid="tool-call">
      <summary>
        <code>{part.title ?? (part.toolName || "tool")}</code> {toolStateText(part)}
      </summary>
      <pre>{part.state === "input-streaming" ? part.rawInput : shown(part.input)}</pre>
      {part.state === "output-available" && <pre>{shown(part.output)}</pre>}
      {part.state === "output-error" && <pre>{part.errorText}</pre>}
    </details>
  );
}

function toolStateText(part: ToolPart): string {
  switch (part.state) {
    case "input-streaming":
      return "is being called";
    case "input-available":
      return "runs";
    case "approval-requested":
      return "waits for approval";
    case "approval-responded":
      return part.approval?.approved === false ? "was not approved" : "was approved";
    case "output-available":
      return "answered";
    case "output-error":
      return "failed";
    case "output-denied":
      return "was denied";
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, undefined, 2) ?? "");
}
