import { afterEach, describe, expect, test, vi } from "vitest";
import { platformPorts } from "./platform.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the environment", () => {
  test("is silent where there is no page", () => {
    const stop = platformPorts().environment.listen(() => {
      throw new Error("nothing can have happened");
    });
    stop();
  });

  test("tells of a page that is shown, and of the network, until it is stopped", () => {
    const page = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
    vi.stubGlobal("window", page);
    vi.stubGlobal("document", document);
    const heard: string[] = [];
    const stop = platformPorts().environment.listen((event) => heard.push(event));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(heard).toEqual([]);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    for (const type of ["pageshow", "offline", "online"]) page.dispatchEvent(new Event(type));
    expect(heard).toEqual(["visible", "visible", "offline", "online"]);
    stop();
    page.dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    expect(heard).toHaveLength(4);
  });
});

test("ids have their length, their alphabet, and do not repeat", () => {
  const { random } = platformPorts();
  const ids = Array.from({ length: 200 }, () => random.id(20));
  for (const id of ids) expect(id).toMatch(/^[0-9a-z]{20}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

test("a platform without WebSocket is told what to do", () => {
  vi.stubGlobal("WebSocket", undefined);
  expect(() => platformPorts()).toThrow(/pass ports.WebSocket/);
});
