import type { Chunk, Delivery } from "@tachikoma/client";
import { describe, expect, test } from "vitest";
import { jsonLine, RecordPrinter } from "./record-printer.ts";
import { recordingTerminal } from "./testing/recording-terminal.ts";

const placed = { channel: "chat:1", position: "e.1.t" };

function message(data: unknown, sender?: string): Delivery {
  return { type: "message", ...placed, data, ...(sender === undefined ? {} : { sender }) };
}

function chunk(executionId: string, content: Chunk): Delivery {
  return { type: "chunk", ...placed, executionId, chunk: content };
}

const text = (executionId: string, delta: string, id = "p1") =>
  chunk(executionId, { type: "text-delta", id, delta });

function printed(deliveries: readonly Delivery[], isTty = false) {
  const terminal = recordingTerminal({ isTty });
  const printer = new RecordPrinter(terminal);
  for (const delivery of deliveries) printer.print(delivery);
  printer.finish();
  return { out: terminal.outText(), err: terminal.errText() };
}

describe("what a person sees of a channel", () => {
  test("messages are lines: texts as they are, the rest as JSON", () => {
    expect(printed([message("hello", "ann"), message({ a: [1] }), message(null)]).out).toBe(
      'hello\n{"a":[1]}\nnull\n',
    );
  });

  test("on a terminal messages name their sender", () => {
    expect(printed([message("hello", "ann"), message("x")], true).out).toBe("ann: hello\nx\n");
  });

  test("text comes as it comes, in one line until something else happens", () => {
    const { out, err } = printed([
      { type: "started", ...placed, executionId: "x1", handler: "chat", sender: "ann" },
      text("x1", "Hel"),
      text("x1", "lo"),
      {
        type: "ended",
        ...placed,
        executionId: "x1",
        outcome: "completed",
        usage: { inputTokens: 2, outputTokens: 5 },
      },
      message("after"),
    ]);
    expect(out).toBe("Hello\nafter\n");
    expect(err).toBe("-- chat started by ann\n-- completed, input tokens 2, output tokens 5\n");
  });

  test("two executions at once do not share a line, two parts of one do not share a paragraph", () => {
    expect(printed([text("x1", "a"), text("x2", "b"), text("x1", "c")]).out).toBe("a\nb\nc\n");
    expect(printed([text("x1", "a", "p1"), text("x1", "b", "p2")]).out).toBe("a\n\nb\n");
  });

  test("a text that ends its own line gets no empty one", () => {
    expect(printed([text("x1", "a\n"), message("b")]).out).toBe("a\nb\n");
  });

  test("an answer that starts again is told apart from what it wrote before", () => {
    const { out, err } = printed([
      text("x1", "half of"),
      { type: "restarted", ...placed, executionId: "x1", attempt: 2 },
      text("x1", "the whole"),
    ]);
    expect(out).toBe("half of\nthe whole\n");
    expect(err).toBe(
      "-- its server was lost, it starts again (attempt 2): what it wrote before this line is void\n",
    );
  });

  test("how executions end", () => {
    const end = { type: "ended", ...placed, executionId: "x1", usage: {} } as const;
    const { err } = printed([
      { ...end, outcome: "failed", error: { code: "HANDLER_FAILED", message: "The handler failed" } },
      { ...end, outcome: "cancelled", reason: "requested", sender: "ann" },
      { ...end, outcome: "interrupted", reason: "owner_lost" },
      { type: "reset", ...placed, reason: "trimmed" },
    ]);
    expect(err.split("\n")).toEqual([
      "-- failed, The handler failed (HANDLER_FAILED)",
      "-- cancelled by ann, requested",
      "-- interrupted, owner_lost",
      "-- reset (trimmed): what was before this line may be incomplete",
      "",
    ]);
  });

  test("chunks that are no text are left out, tools are named", () => {
    const { out, err } = printed([
      chunk("x1", { type: "text-start", id: "p1" }),
      chunk("x1", { type: "reasoning-delta", id: "r", delta: "hmm" }),
      chunk("x1", { type: "tool-input-available", toolCallId: "t", toolName: "search", input: {} }),
    ]);
    expect(out).toBe("");
    expect(err).toBe("-- tool search\n");
  });

  test("nobody can write control characters to somebody else's terminal", () => {
    const { out, err } = printed(
      [
        message("a\u001b[2J", "\u001bx"),
        text("x1", "b\u009b2J"),
        { type: "started", ...placed, executionId: "x", handler: "h\u001b" },
      ],
      true,
    );
    expect(out + err).not.toContain("\u001b");
    expect(out + err).not.toContain("\u009b");
  });

  test("a program gets the bytes", () => {
    expect(printed([message("a\u001b[2J")]).out).toBe("a\u001b[2J\n");
  });
});

test("JSON has the names of the wire and leaves the application's alone", () => {
  const line = jsonLine({ type: "chunk", executionId: "x1", chunk: { toolCallId: "t" } });
  expect(line).toBe('{"type":"chunk","execution_id":"x1","chunk":{"toolCallId":"t"}}\n');
});
