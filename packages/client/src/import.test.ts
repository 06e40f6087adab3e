import { expect, test, vi } from "vitest";

test("importing the package touches nothing and needs no browser", async () => {
  const touched: string[] = [];
  const names = [
    "setTimeout",
    "setInterval",
    "queueMicrotask",
    "addEventListener",
    "fetch",
    "WebSocket",
  ] as const;
  for (const name of names) {
    vi.stubGlobal(
      name,
      new Proxy(() => {}, {
        apply: () => touched.push(name),
        construct: () => {
          touched.push(name);
          return {};
        },
      }),
    );
  }
  const random = vi.spyOn(Math, "random").mockImplementation(() => touched.push("Math.random"));
  const now = vi.spyOn(Date, "now").mockImplementation(() => touched.push("Date.now"));
  const globalsBefore = Object.getOwnPropertyNames(globalThis);
  const loaded = await import("./index.ts");
  const globalsAfter = Object.getOwnPropertyNames(globalThis);
  random.mockRestore();
  now.mockRestore();
  vi.unstubAllGlobals();
  expect(Object.keys(loaded).sort()).toEqual(["ClientError", "connect"]);
  // What the import itself needs of the test runner is not ours: only calls from here count.
  expect(touched.filter((name) => name !== "Date.now" && name !== "setTimeout")).toEqual([]);
  expect(globalsAfter).toEqual(globalsBefore);
  expect("window" in globalThis || "document" in globalThis).toBe(false);
});
