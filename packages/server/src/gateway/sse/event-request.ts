/** What a request for `/events` asks for, read from its query and its `Last-Event-ID`. */
import type { IncomingMessage } from "node:http";
import { MAX_POSITION_CHARS, TachikomaError } from "@tachikoma/protocol";
import type { FollowedChannel } from "../../core/connection/event-door.ts";
import { END_ID, positionsIn } from "./event-ids.ts";

export interface EventRequest {
  readonly followed: readonly FollowedChannel[];
  /** The stream is there for one execution, and ends with it. */
  readonly isUntilEnd: boolean;
  /** It was told that the stream is over, and has come back. */
  readonly isAfterEnd: boolean;
  readonly arePositionsFromClient: boolean;
}

/** Channels that one stream may be asked to follow; more can be subscribed by commands. */
const MAX_EVENT_CHANNELS = 32;

/** @throws INVALID_MESSAGE, INVALID_POSITION */
export function eventRequestOf(url: URL, headers: IncomingMessage["headers"]): EventRequest {
  const { searchParams } = url;
  const channels = [...new Set(searchParams.getAll("channel").filter((name) => name !== ""))];
  if (channels.length > MAX_EVENT_CHANNELS) {
    throw invalid(`The request names ${channels.length} channels, the limit is ${MAX_EVENT_CHANNELS}`);
  }
  const until = searchParams.get("until") ?? "";
  if (until !== "" && until !== "end") throw invalid(`until is ${shown(until)}, it can be "end"`);
  if (until === "end" && channels.length !== 1) {
    throw invalid(`until=end needs one channel, the request names ${channels.length}`);
  }
  const lastEventId = String(headers["last-event-id"] ?? "");
  const isAfterEnd = lastEventId === END_ID;
  const since = sinceOf(searchParams.get("since") ?? "");
  const positions = isAfterEnd ? [] : placesOf(lastEventId, searchParams.getAll("after"), channels);
  return {
    followed: channels.map((channel, index) => ({ channel, position: positions[index], since })),
    isUntilEnd: until === "end",
    isAfterEnd,
    arePositionsFromClient: searchParams.get("positions") === "client",
  };
}

/** The header is newer: a browser adds it to the same address when it comes back. */
function placesOf(
  lastEventId: string,
  after: readonly string[],
  channels: readonly string[],
): (string | undefined)[] {
  const fromQuery = placesOfQuery(after, channels);
  if (lastEventId === "" || channels.length === 0) return fromQuery;
  const fromHeader = positionsIn(lastEventId, channels).map((position) =>
    boundedPosition("Last-Event-ID", position),
  );
  return fromHeader.map((position, index) => position ?? fromQuery[index]);
}

/** One `after` for each channel, in their order, or one id of a stream for all of them. */
function placesOfQuery(after: readonly string[], channels: readonly string[]): (string | undefined)[] {
  const [only = ""] = after;
  const isOfAll = after.length === 1 && channels.length > 1 && only !== "";
  if (!isOfAll && after.length > 0 && after.length !== channels.length) {
    throw invalid(`There are ${after.length} after for ${channels.length} channels`);
  }
  const positions = isOfAll ? positionsIn(only, channels) : after;
  return positions.map((position) => boundedPosition("after", position || undefined));
}

function boundedPosition(name: string, position: string | undefined): string | undefined {
  if (position === undefined || position.length <= MAX_POSITION_CHARS) return position;
  const limit = `${position.length} characters, the limit is ${MAX_POSITION_CHARS}`;
  throw new TachikomaError("INVALID_POSITION", `A position in ${name} has ${limit}`);
}

function sinceOf(text: string): "start" | "head" | undefined {
  if (text === "") return undefined;
  if (text === "start" || text === "head") return text;
  throw invalid(`since is ${shown(text)}, it can be "start" or "head"`);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

function invalid(text: string): TachikomaError {
  return new TachikomaError("INVALID_MESSAGE", text);
}
