import { z } from "zod";
import { boolean, decimal, integer, seconds, withDefault } from "../setting.ts";

export const websocketSection = z.strictObject({
  enabled: withDefault(true, boolean({ description: "Serves `/ws`, `/ws/stream` and `/ws/ai-sdk`." })),
  maxMessageSize: withDefault(
    16 * 1024 * 1024,
    integer({
      min: 1024,
      max: 256 * 1024 * 1024,
      unit: "bytes",
      description: "Largest message that a client may send.",
    }),
  ),
  maxFrameSize: withDefault(
    64 * 1024,
    integer({
      min: 256,
      max: 16 * 1024 * 1024,
      unit: "bytes",
      description:
        "Largest frame that the server sends; longer messages are split so that pings can pass between.",
    }),
  ),
  enforceInboundFrameSize: withDefault(
    false,
    boolean({
      description:
        "Also closes a connection that sends a frame above `max_frame_size`. Browsers do not split messages, so leave this off for them.",
    }),
  ),
  pingIntervalSecs: withDefault(
    30,
    seconds({ min: 0.01, max: 3600, description: "Time between two pings of a connection." }),
  ),
  pongTimeoutSecs: withDefault(
    10,
    seconds({
      min: 0.01,
      max: 3600,
      description: "How long a ping may stay unanswered before the connection is closed.",
    }),
  ),
  connectionTimeoutSecs: withDefault(
    60,
    seconds({ min: 0.01, max: 3600, description: "How long a new connection may take to become usable." }),
  ),
  maxConnectionsPerClient: withDefault(
    5,
    integer({
      min: 1,
      max: 100_000,
      description: "Connections that one `client_id` may hold at the same time.",
    }),
  ),
  compression: withDefault(
    true,
    boolean({ description: "Negotiates permessage-deflate with clients that offer it." }),
  ),
  compressionThresholdBytes: withDefault(
    8192,
    integer({
      min: 0,
      max: 16 * 1024 * 1024,
      unit: "bytes",
      description:
        "Frames below this size go out uncompressed: for small ones compression costs more than it saves.",
    }),
  ),
  maxInvalidMessagesPerMinute: withDefault(
    60,
    integer({
      min: 1,
      max: 1_000_000,
      description: "Invalid messages within a minute after which a connection is closed.",
    }),
  ),
  maxMessagesPerSec: withDefault(
    200,
    decimal({
      min: 0.1,
      max: 1_000_000,
      unit: "messages per second",
      description:
        "Rate of messages that a connection may send in the long run. Above it the server stops reading for a moment.",
    }),
  ),
  maxMessageBurst: withDefault(
    400,
    integer({
      min: 1,
      max: 1_000_000,
      unit: "messages",
      description: "Messages that a connection may send at once before the rate counts.",
    }),
  ),
  maxSubscriptions: withDefault(
    100,
    integer({ min: 1, max: 100_000, description: "Channels that one session may subscribe to." }),
  ),
  highWaterBytes: withDefault(
    256 * 1024,
    integer({
      min: 4096,
      max: 256 * 1024 * 1024,
      unit: "bytes",
      description:
        "Unsent bytes of a connection above which it gets nothing new until it has read; then it catches up with merged text.",
    }),
  ),
  replayPageBytes: withDefault(
    256 * 1024,
    integer({
      min: 1024,
      max: 16 * 1024 * 1024,
      unit: "bytes",
      description: "Most that a catching-up connection gets at one time before others have their turn.",
    }),
  ),
});
