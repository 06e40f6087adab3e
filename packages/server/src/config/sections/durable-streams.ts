import { z } from "zod";
import { boolean, choice, integer, seconds, withDefault } from "../setting.ts";

export const durableStreamsSection = z.strictObject({
  enabled: withDefault(
    true,
    boolean({ description: "Serves the Durable Streams protocol at `/v1/stream/`." }),
  ),
  maxStreamBytes: withDefault(
    256 * 1024 * 1024,
    integer({
      min: 1024,
      max: 1024 * 1024 * 1024 * 1024,
      unit: "bytes",
      description: "What one stream may hold. Appends beyond it are refused; nothing is dropped.",
    }),
  ),
  maxLiveReads: withDefault(
    10_000,
    integer({
      min: 1,
      max: 1_000_000,
      description: "Long polls and event streams that this server serves at the same time.",
    }),
  ),
  longPollSecs: withDefault(
    3,
    seconds({ min: 0.1, max: 600, description: "How long a long poll waits for something new." }),
  ),
  sseSecs: withDefault(
    60,
    seconds({
      min: 1,
      max: 86_400,
      description:
        "How long an event stream lasts before its reader has to come again, so that caches between can serve several with one.",
    }),
  ),
  cache: withDefault(
    "private",
    choice({
      choices: ["private", "public"],
      description:
        "Which caches may keep what was read: `private` only that of the reader, `public` also shared ones such as a CDN. Choose that only where everyone may read every stream.",
    }),
  ),
});
