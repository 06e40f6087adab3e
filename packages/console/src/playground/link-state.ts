import type { ConnectionStatus } from "@tachikoma/client";
import type { Tone } from "../design/badge.tsx";

/** The connection as the page shows it: the client's status, and our own promise to come back online. */
export type LinkState =
  | Exclude<ConnectionStatus, { state: "offline" }>
  /** `untilMs`: when the page goes online again by itself. */
  | { readonly state: "offline"; readonly untilMs: number | undefined };

export function linkTone(link: LinkState): Tone {
  switch (link.state) {
    case "online":
      return "good";
    case "connecting":
    case "waiting":
      return "warn";
    case "offline":
      return "neutral";
    case "closed":
      return "bad";
  }
}

/** Short text of the state, with the seconds that are left where something is waited for. */
export function linkText(link: LinkState, nowMs: number): string {
  switch (link.state) {
    case "online":
      return "Online";
    case "connecting":
      return link.attempt > 1 ? `Connecting, attempt ${link.attempt}` : "Connecting";
    case "waiting":
      return `Reconnecting in ${secondsLeft(link.untilMs, nowMs)} s`;
    case "offline":
      return link.untilMs === undefined ? "Offline" : `Offline for ${secondsLeft(link.untilMs, nowMs)} s`;
    case "closed":
      return "Closed";
  }
}

/** The same for those who hear it: it changes with the state, not with every second. */
export function linkAnnouncement(link: LinkState): string {
  switch (link.state) {
    case "online":
      return "Connected";
    case "connecting":
    case "waiting":
      return "Connection lost, reconnecting";
    case "offline":
      return "Offline";
    case "closed":
      return "Connection closed";
  }
}

/** A line for the event log. */
export function linkEventText(link: LinkState, nowMs: number): string {
  switch (link.state) {
    case "online":
      return "Online";
    case "connecting":
      return `Connecting, attempt ${link.attempt}`;
    case "waiting":
      return `Lost; next attempt in ${((link.untilMs - nowMs) / 1_000).toFixed(1)} s`;
    case "offline":
      return "Went offline";
    case "closed":
      return link.reason === "" ? `Closed (${link.code})` : `Closed (${link.code}): ${link.reason}`;
  }
}

/** What a person has to know and do when the client has given up. */
export function closedNotice(link: LinkState): string | undefined {
  if (link.state !== "closed") return undefined;
  const why = link.reason === "" ? "" : ` ${link.reason}.`;
  return `The connection was closed for good (${link.code}).${why} Refresh the page to start again.`;
}

export function isCountingDown(link: LinkState): boolean {
  return link.state === "waiting" || (link.state === "offline" && link.untilMs !== undefined);
}

function secondsLeft(untilMs: number, nowMs: number): number {
  return Math.max(Math.ceil((untilMs - nowMs) / 1_000), 0);
}
