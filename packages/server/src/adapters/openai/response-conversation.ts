/** The conversation that a former response ended with: what it was asked, and what it answered. */
import type { Identity } from "../../core/identity.ts";
import type { SessionServer } from "../../core/session-server.ts";
import type { InputMessage } from "../execution/input-message.ts";
import { InvalidParameter } from "../execution/request-body.ts";
import type { OutputJson } from "./response-item.ts";
import { responseSoFar } from "./response-reading.ts";
import { findResponse } from "./response-record.ts";

/** @throws INVALID_MESSAGE, UNKNOWN_EXECUTION, NOT_FOUND, FORBIDDEN, STORE_UNAVAILABLE */
export async function formerMessages(
  core: SessionServer,
  identity: Identity,
  id: string,
  signal: AbortSignal,
): Promise<readonly InputMessage[]> {
  const response = await findResponse(core, identity, id);
  const { status, output } = await responseSoFar(core, identity, response, signal);
  if (status === "in_progress") {
    throw new InvalidParameter("previous_response_id", `The response ${id} has not ended yet`);
  }
  return [...(response.record.messages ?? []), ...output.flatMap(messagesOf)];
}

function messagesOf(item: OutputJson): readonly InputMessage[] {
  switch (item.type) {
    case "message":
      return [{ role: "assistant", content: item.content.map(({ text }) => text).join("") }];
    case "function_call": {
      const called = { name: item.name, arguments: item.arguments };
      return [
        {
          role: "assistant",
          content: "",
          tool_calls: [{ id: item.call_id, type: "function", function: called }],
        },
      ];
    }
    case "function_call_output":
      return [{ role: "user", content: item.output, tool_call_id: item.call_id }];
    case "reasoning":
      return [];
  }
}
