/** Judges what one connection was sent by the rules of delivery: no gap, no repetition, nothing newer before a `reset`. */
import type { PlainClient, WireMessage } from "../../testing/plain-client.ts";

interface ListedSubscription {
  readonly channel: string;
  readonly position?: string;
  readonly recovered: boolean;
  readonly reason?: string;
}

export function seqOf(position: string | undefined): number {
  const seq = Number(position?.split(".")[1]);
  if (!Number.isSafeInteger(seq)) throw new Error(`${position} is not a position`);
  return seq;
}

/** Whether the message moves its channel's position. */
export function isRecordFrame({ type }: WireMessage): boolean {
  return type === "message" || type === "chunk" || type === "skip" || type.startsWith("execution_");
}

/**
 * Record frames of a channel, in order of arrival.
 *
 * @throws where a frame does not begin right after the place where the one before it ended (DEL-2)
 */
export function framesOf(client: PlainClient, channel: string): readonly WireMessage[] {
  const frames: WireMessage[] = [];
  let place: number | undefined;
  for (const message of client.received) {
    place = placeSetBy(message, channel) ?? place;
    if (message.channel !== channel || !isRecordFrame(message)) continue;
    const seq = seqOf(message.position);
    const first = seq - (message.n ?? 1) + 1;
    if (place !== undefined && first !== place + 1) {
      throw new Error(`A frame of ${channel} begins at ${first} instead of ${place + 1}`);
    }
    place = seq;
    frames.push(message);
  }
  return frames;
}

/** `data` of the messages of a channel that one connection was sent. */
export function dataOf(client: PlainClient, channel: string): unknown[] {
  return framesOf(client, channel)
    .filter(({ type }) => type === "message")
    .map(({ data }) => data);
}

/** The text of one execution as one connection saw it. */
export function textSeen(client: PlainClient, channel: string, executionId: string): string {
  return framesOf(client, channel)
    .filter((frame) => frame.type === "chunk" && frame.execution_id === executionId)
    .map((frame) => frame["chunk"] as { readonly type: string; readonly delta?: string })
    .map((chunk) => (chunk.type === "text-delta" ? (chunk.delta ?? "") : ""))
    .join("");
}

/** What `welcome` said of the subscriptions, by channel. */
export function restoredIn(client: PlainClient): ReadonlyMap<string, ListedSubscription> {
  const welcome = client.received.find(({ type }) => type === "welcome");
  return new Map(listed(welcome).map((subscription) => [subscription.channel, subscription]));
}

function placeSetBy(message: WireMessage, channel: string): number | undefined {
  if (message.type === "welcome") {
    const position = listed(message).find((subscription) => subscription.channel === channel)?.position;
    return position === undefined ? undefined : seqOf(position);
  }
  const isPlaced = message.type === "subscribed" || message.type === "reset";
  return isPlaced && message.channel === channel ? seqOf(message.position) : undefined;
}

function listed(welcome: WireMessage | undefined): readonly ListedSubscription[] {
  return (welcome?.["subscriptions"] ?? []) as ListedSubscription[];
}
