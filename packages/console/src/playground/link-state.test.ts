import { describe, expect, test } from "vitest";
import {
  closedNotice,
  isCountingDown,
  type LinkState,
  linkAnnouncement,
  linkEventText,
  linkText,
  linkTone,
} from "./link-state.ts";

const NOW_MS = 1_000_000;

describe("status text", () => {
  test.each<[LinkState, string]>([
    [{ state: "connecting", attempt: 1 }, "Connecting"],
    [{ state: "connecting", attempt: 3 }, "Connecting, attempt 3"],
    [{ state: "online" }, "Online"],
    [{ state: "waiting", attempt: 2, untilMs: NOW_MS + 1_200 }, "Reconnecting in 2 s"],
    [{ state: "waiting", attempt: 2, untilMs: NOW_MS - 500 }, "Reconnecting in 0 s"],
    [{ state: "offline", untilMs: NOW_MS + 10_000 }, "Offline for 10 s"],
    [{ state: "offline", untilMs: undefined }, "Offline"],
    [{ state: "closed", code: 4401, reason: "Unauthorized" }, "Closed"],
  ])("%j reads %j", (link, text) => {
    expect(linkText(link, NOW_MS)).toBe(text);
  });

  test("a countdown is announced once and not every second", () => {
    const at = (untilMs: number) => linkAnnouncement({ state: "waiting", attempt: 1, untilMs });
    expect(at(NOW_MS + 5_000)).toBe(at(NOW_MS + 1_000));
  });

  test("only a wait counts down", () => {
    expect(isCountingDown({ state: "waiting", attempt: 1, untilMs: NOW_MS })).toBe(true);
    expect(isCountingDown({ state: "offline", untilMs: NOW_MS })).toBe(true);
    expect(isCountingDown({ state: "offline", untilMs: undefined })).toBe(false);
    expect(isCountingDown({ state: "online" })).toBe(false);
  });

  test("only a final close asks for something", () => {
    expect(
      closedNotice({ state: "closed", code: 4409, reason: "Another connection resumed this session" }),
    ).toBe(
      "The connection was closed for good (4409). Another connection resumed this session. Refresh the page to start again.",
    );
    expect(closedNotice({ state: "offline", untilMs: undefined })).toBeUndefined();
  });

  test("a close says its code and reason", () => {
    expect(linkEventText({ state: "closed", code: 4401, reason: "Unauthorized" }, NOW_MS)).toBe(
      "Closed (4401): Unauthorized",
    );
    expect(linkEventText({ state: "closed", code: 1000, reason: "" }, NOW_MS)).toBe("Closed (1000)");
    expect(linkTone({ state: "closed", code: 1000, reason: "" })).toBe("bad");
  });
});
