import { createServer } from "node:net";
import { expect, test } from "vitest";
import { listenFailure } from "./listen-failure.ts";

function listenError(host: string, port: number): Promise<Error> {
  const { promise, resolve, reject } = Promise.withResolvers<Error>();
  const server = createServer();
  server.on("error", resolve);
  server.listen(port, host, () => server.close(() => reject(new Error("It listens"))));
  return promise;
}

test("a port in use is named", async () => {
  const { promise: isListening, resolve } = Promise.withResolvers<void>();
  const first = createServer().listen(0, "127.0.0.1", resolve);
  await isListening;
  const { port } = first.address() as { port: number };
  const error = await listenError("127.0.0.1", port);
  first.close();
  const expected = {
    message: `port ${port} on 127.0.0.1 is in use`,
    exitCode: 1,
    hint: expect.stringContaining("--port"),
  };
  expect(listenFailure(error, { host: "127.0.0.1", port })).toMatchObject(expected);
  expect(listenFailure(new Error("wrapped", { cause: error }), { host: "127.0.0.1", port })).toMatchObject(
    expected,
  );
});

test("an address that is not of this machine is named", async () => {
  // Of the block for documentation: nobody has it.
  const error = await listenError("192.0.2.1", 0);
  expect(listenFailure(error, { host: "192.0.2.1", port: 0 })).toMatchObject({
    message: "this machine has no address 192.0.2.1",
  });
});

test("anything else stays what it is", () => {
  const error = Object.assign(new Error("open"), { code: "EACCES", syscall: "open" });
  expect(listenFailure(error, { host: "127.0.0.1", port: 1 })).toBe(error);
  expect(listenFailure("text", { host: "127.0.0.1", port: 1 })).toBe("text");
});
