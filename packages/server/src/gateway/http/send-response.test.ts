import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { FakeClock } from "../../core/testing/fake-clock.ts";
import type { RouteResponse } from "./route.ts";
import { sendResponse } from "./send-response.ts";

const clock = new FakeClock();

/** Serves one answer to one request; `sent` settles when it has been written. */
async function serve(answer: (response: ServerResponse) => RouteResponse) {
  const sent = Promise.withResolvers<void>();
  sent.promise.catch(() => undefined);
  const server = createServer((_request, response) => {
    sendResponse(response, answer(response), clock).then(sent.resolve, sent.reject);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ port, host: "127.0.0.1" }, resolve).on("error", reject);
  });
  return { response, sent: sent.promise };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test("a whole answer has its length and is not kept by anyone", async () => {
  const { response } = await serve(() => ({ status: 200, json: '{"a":"ü"}' }));
  expect(response.headers).toMatchObject({
    "content-type": "application/json; charset=utf-8",
    "content-length": "10",
    "cache-control": "no-store",
  });
  expect(await textOf(response)).toBe('{"a":"ü"}');
});

test("a stream arrives piece by piece, and silence is filled", async () => {
  const next = Promise.withResolvers<void>();
  const { response, sent } = await serve(() => ({
    status: 200,
    headers: { "content-type": "text/event-stream" },
    keepAlive: { text: ": still here\n\n", everyMs: 15_000 },
    stream: (async function* () {
      yield "one\n";
      await next.promise;
      yield "two\n";
    })(),
  }));
  const pieces = (response as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  expect(String((await pieces.next()).value)).toBe("one\n");
  clock.advance(15_000);
  expect(String((await pieces.next()).value)).toBe(": still here\n\n");
  next.resolve();
  expect(String((await pieces.next()).value)).toBe("two\n");
  await sent;
});

test("whoever does not read stops the stream, and whoever leaves ends it", async () => {
  let madeCount = 0;
  const closed = Promise.withResolvers<void>();
  const { response, sent } = await serve((answering) => {
    answering.once("close", closed.resolve);
    return {
      status: 200,
      headers: {},
      stream: (async function* () {
        for (;;) {
          madeCount += 1;
          yield new Uint8Array(256 * 1024);
        }
      })(),
    };
  });
  response.destroy();
  await closed.promise;
  await sent;
  // What the sockets of both ends hold, and no more.
  expect(madeCount).toBeLessThan(200);
});

test("a stream that fails after its head is cut: its end must not look like one", async () => {
  const next = Promise.withResolvers<void>();
  const { response, sent } = await serve(() => ({
    status: 200,
    headers: {},
    stream: (async function* () {
      yield "one";
      await next.promise;
      throw new Error("broken");
    })(),
  }));
  next.resolve();
  await expect(sent).rejects.toThrow("broken");
  await expect(textOf(response)).rejects.toThrow();
});
