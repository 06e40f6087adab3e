/** Shows what a channel delivers: content on stdout, what is said about it on stderr. */
import type { Chunk, Delivery, ExecutionEnd, RestartedDelivery } from "@tachikoma/client";
import { snakeCase } from "../config/setting-fields.ts";
import type { Terminal } from "./terminal.ts";

export class RecordPrinter {
  readonly #terminal: Terminal;
  /** The execution whose text was written last, while its line is not finished. */
  #openExecutionId: string | undefined;
  /** The part of that execution that the text belongs to. */
  #openPartId: unknown;
  #isAtLineStart = true;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  print(delivery: Delivery): void {
    switch (delivery.type) {
      case "message":
        this.#finishLine();
        this.#printMessage(delivery.data, delivery.sender);
        return;
      case "chunk":
        this.printChunk(delivery.executionId, delivery.chunk);
        return;
      case "started":
        this.notice(
          `${delivery.handler} started${delivery.sender === undefined ? "" : ` by ${delivery.sender}`}`,
        );
        return;
      case "restarted":
        this.notice(restartedText(delivery));
        return;
      case "ended":
        this.notice(endText(delivery));
        return;
      case "reset":
        this.notice(`reset (${delivery.reason}): what was before this line may be incomplete`);
    }
  }

  printChunk(executionId: string, chunk: Chunk): void {
    if (chunk.type === "tool-input-available") {
      this.notice(`tool ${String(chunk["toolName"])}`);
      return;
    }
    const text = textOf(chunk);
    if (text === "") return;
    if (this.#openExecutionId !== executionId) this.#finishLine();
    else if (this.#openPartId !== chunk["id"]) this.#terminal.out.write("\n\n");
    this.#openExecutionId = executionId;
    this.#openPartId = chunk["id"];
    this.#terminal.out.writeForeign(text);
    this.#isAtLineStart = text.endsWith("\n");
  }

  /** A remark, on a line of its own. */
  notice(text: string): void {
    this.#finishLine();
    const { err } = this.#terminal;
    err.writeForeign(`-- ${text}`);
    err.write("\n");
  }

  finish(): void {
    this.#finishLine();
  }

  #finishLine(): void {
    if (this.#openExecutionId === undefined) return;
    this.#openExecutionId = undefined;
    if (!this.#isAtLineStart) this.#terminal.out.write("\n");
  }

  #printMessage(data: unknown, sender: string | undefined): void {
    const { out } = this.#terminal;
    // Who said it is for people; a program asks for --json.
    if (out.isTty && sender !== undefined) out.writeForeign(`${sender}: `);
    out.writeForeign(typeof data === "string" ? data : JSON.stringify(data));
    out.write("\n");
  }
}

/** One line of JSON with the field names of the wire. What the application put in is left as it is. */
export function jsonLine(value: object): string {
  const renamed = Object.entries(value).map(([key, field]) => [snakeCase(key), field as unknown]);
  return `${JSON.stringify(Object.fromEntries(renamed))}\n`;
}

export function restartedText({ attempt }: RestartedDelivery): string {
  return `its server was lost, it starts again (attempt ${attempt}): what it wrote before this line is void`;
}

export function endText({ outcome, usage, error, reason, sender }: ExecutionEnd): string {
  const why = error === undefined ? reason : `${error.message} (${error.code})`;
  const by = outcome === "cancelled" && sender !== undefined ? ` by ${sender}` : "";
  const figures = Object.entries(usage).map(
    ([name, figure]) => `${snakeCase(name).replaceAll("_", " ")} ${figure}`,
  );
  return [`${outcome}${by}`, ...(why === undefined ? [] : [why]), ...figures].join(", ");
}

function textOf(chunk: Chunk): string {
  const delta = chunk["delta"];
  return chunk.type === "text-delta" && typeof delta === "string" ? delta : "";
}
