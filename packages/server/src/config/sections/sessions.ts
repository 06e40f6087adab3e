import { z } from "zod";
import { seconds, withDefault } from "../setting.ts";

export const sessionsSection = z.strictObject({
  ttlSecs: withDefault(
    // As long as the default history: a session that ends earlier wastes records, one that ends later has none to resume.
    24 * 3600,
    seconds({
      min: 1,
      max: 365 * 86_400,
      description:
        "How long a session can be resumed after its last connection ended. The default is that of `history.ttl`.",
    }),
  ),
});
