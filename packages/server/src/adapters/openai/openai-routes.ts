/** OpenAI's HTTP API, as far as it is about answers. `model` names a handler. */
import type { Route } from "../../gateway/http/route.ts";
import { chatRoutes } from "./chat-routes.ts";
import { modelRoutes } from "./model-routes.ts";
import { responseRoutes } from "./response-routes.ts";

export const openAiRoutes: readonly Route[] = [...modelRoutes, ...chatRoutes, ...responseRoutes];
