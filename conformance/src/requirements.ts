/**
 * What a case may need of a server beyond the protocol itself. A server that has it says so in its profile; the suite never
 * guesses. The value says what it is called there, or how much it is.
 */
export type RequirementValue = string | number | true;

export interface Requirement {
  readonly value: "text" | "number" | "flag";
  readonly text: string;
}

export const REQUIREMENTS = {
  auth: { value: "flag", text: "A token is required; the suite is given a good one with `--token`." },
  "token:alice": { value: "text", text: "A token of the subject `alice`, good for everything." },
  "token:alice_limited": {
    value: "text",
    text: "A token of `alice` that does not allow anything in channels of `namespace:private`.",
  },
  "token:bob": { value: "text", text: "A token of the subject `bob`." },
  "token:expiring": {
    value: "text",
    text: "Form of a token that expires; `{expires_at_ms}` in it is replaced by milliseconds since 1970.",
  },
  "http:events": {
    value: "flag",
    text: "Events and commands over HTTP are served, and probes are known (CON-10).",
  },
  "origin:allowed": { value: "text", text: "An `Origin` of a web page that may connect." },
  "origin:refused": { value: "text", text: "An `Origin` of a web page that may not connect." },
  "namespace:short": {
    value: "text",
    text: "Channels that keep about `limit:short_records` records, of at least 64 KiB each.",
  },
  "namespace:presence": { value: "text", text: "Channels with presence." },
  "namespace:no_presence": { value: "text", text: "Channels without presence." },
  "namespace:forbidden": { value: "text", text: "Channels in which nobody may do anything." },
  "namespace:private": {
    value: "text",
    text: "Channels that `token:alice` may use and `token:alice_limited` may not.",
  },
  "namespace:initial_state": {
    value: "text",
    text: "Channels whose subscribers are given an `initial_state`, whatever it is.",
  },
  "namespace:stuck": {
    value: "text",
    text: "Channels whose permission is never decided for a session that comes back.",
  },
  "namespace:small_records": {
    value: "text",
    text: "Channels that take records of at most `limit:max_record_bytes`.",
  },
  "handler:echo": { value: "text", text: "Streams the text of `input.prompt` back, and completes." },
  "handler:count": {
    value: "text",
    text: "Streams `1 2 3 ... N` with a pause between: `input.prompt` is `N PAUSE_MS`. It takes no inputs.",
  },
  "handler:count_again": {
    value: "text",
    text: "As `handler:count`, and is run anew when its server is lost.",
  },
  "handler:fail": { value: "text", text: "Streams some text and fails." },
  "handler:inputs": {
    value: "text",
    text: "Runs for at least two seconds when `input.prompt` is `count to 100`, and takes the first input at once.",
  },
  "handler:usage": { value: "text", text: "Reports tokens that it used, as a number in `output_tokens`." },
  "handler:chunks": { value: "text", text: "Yields the chunks of `input.chunks` one by one, as they are." },
  "custom:echo": { value: "text", text: "A `custom` action that is answered with its own payload." },
  "custom:none": { value: "flag", text: "The application takes no `custom` messages." },
  "custom:send": {
    value: "text",
    text: "A `custom` action that sends `payload.data` to `payload.to`: `{session}` (by connection id), `{client}` or `{all: true, exclude: [connection ids]}`.",
  },
  compression: { value: "flag", text: "permessage-deflate is negotiated with clients that offer it." },
  "limit:short_records": { value: "number", text: "Records that a channel of `namespace:short` keeps." },
  "limit:max_record_bytes": {
    value: "number",
    text: "Largest record of `namespace:small_records`, in bytes.",
  },
  "limit:max_message_size": { value: "number", text: "Largest message that a client may send, in bytes." },
  "limit:max_frame_size": {
    value: "number",
    text: "Largest frame that the server sends, in bytes; larger inbound frames are taken.",
  },
  "limit:max_connections_per_client": { value: "number", text: "Connections of one client." },
  "limit:max_subscriptions": { value: "number", text: "Subscriptions of one session." },
  "limit:max_invalid_messages_per_minute": {
    value: "number",
    text: "Messages that cannot be read, until the connection is closed; at least 10.",
  },
  "limit:max_executions_per_channel": {
    value: "number",
    text: "Executions that run on one channel; at least 2.",
  },
  "limit:max_waiting_inputs": { value: "number", text: "Inputs that wait for one execution." },
  "limit:ping_interval_secs": {
    value: "number",
    text: "Seconds between two pings; a few tenths make the suite fast.",
  },
  "limit:pong_timeout_secs": { value: "number", text: "Seconds that a ping may stay unanswered." },
  "limit:session_ttl_secs": { value: "number", text: "Seconds that a session can be resumed; at least 3." },
  "limit:connection_timeout_secs": {
    value: "number",
    text: "Seconds in which a connection has to become usable.",
  },
  "store:survives_kill": {
    value: "flag",
    text: "Records, sessions and receipts are there again after the process was killed.",
  },
  "hook:stop": { value: "flag", text: "The suite can have the server stop in good order." },
  "hook:kill": { value: "flag", text: "The suite can have the process of the server killed." },
  "hook:start": { value: "flag", text: "The suite can have the server started again, at the same address." },
  "nodes:two": { value: "flag", text: "Two addresses were given: nodes that share one store." },
} as const satisfies Readonly<Record<string, Requirement>>;

export type RequirementName = keyof typeof REQUIREMENTS;

/** What a server has, by name. */
export type Provisions = Readonly<Partial<Record<RequirementName, RequirementValue>>>;

export function isRequirementName(name: string): name is RequirementName {
  return Object.hasOwn(REQUIREMENTS, name);
}

/** What a case lacks; `undefined` when nothing is missing. */
export function missingRequirement(
  requires: readonly RequirementName[],
  provisions: Provisions,
): RequirementName | undefined {
  return requires.find((name) => provisions[name] === undefined);
}
