/** Every route that needs a credential, by what it is for. */
import { agUiRoutes } from "../../adapters/ag-ui/ag-ui-routes.ts";
import { aiSdkRoutes } from "../../adapters/ai-sdk/chat-routes.ts";
import { anthropicRoutes } from "../../adapters/anthropic/anthropic-routes.ts";
import { openAiRoutes } from "../../adapters/openai/openai-routes.ts";
import { channelRoutes } from "./channel-routes.ts";
import { commandRoutes } from "./command-routes.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [
  ...channelRoutes,
  ...commandRoutes,
  ...aiSdkRoutes,
  ...openAiRoutes,
  ...anthropicRoutes,
  ...agUiRoutes,
];
