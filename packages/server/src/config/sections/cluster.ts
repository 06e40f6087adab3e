import { z } from "zod";
import { seconds, withDefault } from "../setting.ts";

export const clusterSection = z.strictObject({
  leaseTtlSecs: withDefault(
    15,
    seconds({
      min: 2,
      max: 300,
      description:
        "How long a node that has died, or cannot reach the store, still counts: then others end or restart its executions, and its clients are no longer present. A node that cannot renew for two thirds of it stops what it runs.",
    }),
  ),
});
