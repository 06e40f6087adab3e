/** `GET /v1/models`: what can be executed, by the name under which it is asked for. */
import { TachikomaError } from "@tachikoma/protocol";
import type { Route } from "../../gateway/http/route.ts";
import { openAiRefusal } from "./openai-error.ts";

export const modelRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models",
    answer: ({ requests }) => ({
      status: 200,
      json: JSON.stringify({ object: "list", data: requests.handlerNames.map(modelOf) }),
    }),
    refusalJson: openAiRefusal,
  },
  {
    method: "GET",
    path: "/v1/models/:model",
    answer: ({ requests }, { parameters }) => {
      const name = parameters["model"] ?? "";
      if (requests.handlerNames.includes(name)) return { status: 200, json: JSON.stringify(modelOf(name)) };
      const known = requests.handlerNames.join(", ");
      throw new TachikomaError(
        "UNKNOWN_HANDLER",
        `There is no handler ${JSON.stringify(name.slice(0, MAX_SHOWN_CHARS))}; there are: ${known}`,
      );
    },
    refusalJson: openAiRefusal,
  },
];

const MAX_SHOWN_CHARS = 64;

function modelOf(id: string): object {
  return { id, object: "model", created: 0, owned_by: "tachikoma" };
}
