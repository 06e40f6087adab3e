import { afterEach, expect, test } from "vitest";
import { Access, browserClientId, type TextStorage } from "./access.ts";
import { readStats, type StatsAnswer } from "./server-stats.ts";

const ADDRESS = new URL("http://server.test/api/stats");
const opened: Access[] = [];

afterEach(() => {
  for (const access of opened.splice(0)) access.lock();
});

/** A server that lets in whoever has `key`, or everybody when there is none. */
function accessTo(server: { key?: string; isDown?: boolean }, storage: TextStorage = textStorage()) {
  const asked: (string | undefined)[] = [];
  const ask = (_address: URL, token: string | undefined): Promise<StatsAnswer> => {
    asked.push(token);
    if (server.isDown === true) return Promise.resolve({ state: "unavailable" });
    if (server.key !== undefined && token !== server.key) return Promise.resolve({ state: "unauthorized" });
    const stats = readStats({ auth: server.key === undefined ? "none" : "api_key" })!;
    return Promise.resolve({ state: "known", stats });
  };
  const access = new Access(ADDRESS, storage, ask);
  opened.push(access);
  return { access, asked, storage };
}

function textStorage(): TextStorage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

test("a server without authentication is open at once", async () => {
  const { access } = accessTo({});
  await access.start();
  expect(access.state.value).toEqual({ state: "open", token: undefined });
});

test("a server that cannot be asked is tried without a key", async () => {
  const { access } = accessTo({ isDown: true });
  await access.start();
  expect(access.state.value).toEqual({ state: "open", token: undefined });
  expect(access.stats.value).toBeUndefined();
});

test("a server with a key asks for it, and the right one is kept for the next load", async () => {
  const { access, storage } = accessTo({ key: "sesame" });
  await access.start();
  expect(access.state.value).toEqual({ state: "locked", wasRefused: false });
  await access.unlock("sesame");
  expect(access.state.value).toEqual({ state: "open", token: "sesame" });

  const nextLoad = accessTo({ key: "sesame" }, storage);
  await nextLoad.access.start();
  expect(nextLoad.asked).toEqual(["sesame"]);
  expect(nextLoad.access.state.value).toEqual({ state: "open", token: "sesame" });
});

test("a wrong key is said to be wrong and forgotten", async () => {
  const { access, storage } = accessTo({ key: "sesame" });
  await access.start();
  await access.unlock("guess");
  expect(access.state.value).toEqual({ state: "locked", wasRefused: true });
  await accessTo({ key: "sesame" }, storage).access.start();
  expect(opened.at(-1)!.state.value).toEqual({ state: "locked", wasRefused: false });
});

test("a browser keeps its client id, and an unusable one is replaced", () => {
  const storage = textStorage();
  expect(browserClientId(storage, () => "web-1")).toBe("web-1");
  expect(browserClientId(storage, () => "web-2")).toBe("web-1");
  storage.setItem("tachikoma.client_id", "not an id\n");
  expect(browserClientId(storage, () => "web-3")).toBe("web-3");
});
