/** Every route that needs a credential, by what it is for. */
import { aiSdkRoutes } from "../../adapters/ai-sdk/chat-routes.ts";
import { channelRoutes } from "./channel-routes.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [...channelRoutes, ...aiSdkRoutes];
