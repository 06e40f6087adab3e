/** Every route that needs a credential, by what it is for. */
import { channelRoutes } from "./channel-routes.ts";
import { commandRoutes } from "./command-routes.ts";
import type { Route } from "./route.ts";

export const routes: readonly Route[] = [...channelRoutes, ...commandRoutes];
