// @vitest-environment jsdom
/** The hooks on React 18, whose packages are here under other names. */
import { createRequire, registerHooks } from "node:module";
import { expect, onTestFinished, test, vi } from "vitest";
import { at, delta, message } from "../testing/client-fixture.ts";

vi.mock("react", () => import("react-18" as string));

const hooks = registerHooks({
  // Its renderer asks for the renderer's React, which is 19 in this repository.
  resolve: (specifier, context, next) => {
    const isOf18 = /react-dom-18/.test(context.parentURL ?? "") && specifier === "react";
    return next(isOf18 ? "react-18" : specifier, context);
  },
});
const require = createRequire(import.meta.url);

test("React 18, StrictMode: one subscription, a replay in one go, a stream, and nothing left", async () => {
  onTestFinished(() => hooks.deregister());
  const React = require("react-18") as typeof import("react");
  const { createRoot } = require("react-dom-18/client") as typeof import("react-dom/client");
  const { TachikomaProvider, useChannel, useConnection, useExecution, usePresence } = await import(
    "./index.ts"
  );
  const { hookFixture } = await import("./testing/hook-fixture.ts");
  expect(React.version).toMatch(/^18\./);
  expect((await import("react")).version).toBe(React.version);
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  const page = hookFixture(React.act ?? require("react-dom-18/test-utils").act);
  let renderCount = 0;
  const useAll = () => ({
    connection: useConnection(),
    channel: useChannel("room:1", { since: "start" }),
    execution: useExecution("e1", { channel: "room:1" }),
    presence: usePresence("room:1", { name: "me" }),
  });
  let shown!: ReturnType<typeof useAll>;
  const Show = () => {
    shown = useAll();
    renderCount += 1;
    return null;
  };
  const root = createRoot(document.createElement("div"));
  const provided = React.createElement(TachikomaProvider, { client: page.client }, React.createElement(Show));
  await page.act(async () => root.render(React.createElement(React.StrictMode, {}, provided)));
  page.confirm(0);
  const before = renderCount;
  for (let seq = 1; seq <= 500; seq += 1) page.socket.receive(message("room:1", seq));
  page.socket.receive(delta("room:1", 501, "Hello"));
  await page.frame();
  expect(shown.connection).toEqual({ state: "online" });
  expect(shown.channel.messages).toHaveLength(500);
  expect(shown.channel.position).toBe(at(501));
  expect(shown.execution).toMatchObject({ status: "running", text: "Hello" });
  expect(renderCount - before).toBeLessThanOrEqual(4);
  expect(page.socket.sentOf("presence")).toHaveLength(1);
  // Who only looks at who is there begins at the head, and is there in a request of its own.
  expect(page.socket.sentOf("subscribe").map(({ since }) => since)).toEqual(["start", "head"]);
  page.confirm(501);
  await page.act(async () => root.unmount());
  await page.afterGrace();
  expect(page.socket.sentOf("unsubscribe")).toHaveLength(1);
});
