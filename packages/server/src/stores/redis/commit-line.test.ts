import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CommitLine } from "./commit-line.ts";

const unhandled: unknown[] = [];
const remember = (cause: unknown) => unhandled.push(cause);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", remember);
});
afterEach(() => process.off("unhandledRejection", remember));

function lineOver(send: (args: readonly string[]) => Promise<unknown>): CommitLine {
  return new CommitLine({ send, confirmation: { kind: "replica" }, confirmTimeoutMs: 50 });
}

test("a connection that is lost fails the writes and what confirms them, and no rejection is left over", async () => {
  const lost = new Error("Socket closed unexpectedly");
  const line = lineOver(() => Promise.reject(lost));
  await expect(line.submit(["SET", "a", "1"], true)).rejects.toBe(lost);
  // Node reports what nobody handles in the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});

test("a write whose confirmation fails is not answered", async () => {
  const line = lineOver((args) => Promise.resolve(args[0] === "WAIT" ? 0 : "OK"));
  await expect(line.submit(["SET", "a", "1"], true)).rejects.toThrow("no replica had it within 50 ms");
  expect(await line.submit(["GET", "a"], false)).toBe("OK");
});

describe("a line of calls that are confirmed together", () => {
  /** Answers each command when it is told to. */
  class SlowServer {
    readonly sent: string[] = [];
    readonly #answers: ((reply: unknown) => void)[] = [];

    readonly send = (args: readonly string[]) => {
      this.sent.push(args.join(" "));
      return new Promise<unknown>((resolve) => this.#answers.push(resolve));
    };

    async answer(...replies: readonly unknown[]): Promise<void> {
      for (const reply of replies) this.#answers.shift()!(reply);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  test("asks once for all that was called in one task, and for the rest when that is answered", async () => {
    const server = new SlowServer();
    const line = new CommitLine({
      send: server.send,
      confirmation: { kind: "replica" },
      confirmTimeoutMs: 700,
    });
    const settled: unknown[] = [];
    const submit = (name: string, isWrite = true) =>
      line.submit([name], isWrite).then(
        (reply) => settled.push(reply),
        (error: Error) => settled.push(`${name}: ${error.message}`),
      );
    void submit("a");
    void submit("read", false);
    void submit("b");
    await server.answer();
    expect(server.sent).toEqual(["a", "read", "b", "WAIT 1 700"]);
    void submit("c");
    void submit("d");
    await server.answer("A", "R", "B");
    expect(settled).toEqual(["R"]);
    expect(server.sent).toHaveLength(4);
    await server.answer(1);
    expect(settled).toEqual(["R", "A", "B"]);
    expect(server.sent.slice(4)).toEqual(["c", "d", "WAIT 1 700"]);
    await server.answer("C", "D", 0);
    expect(settled.slice(3)).toEqual([
      "c: no replica had it within 700 ms",
      "d: no replica had it within 700 ms",
    ]);
  });

  test("asks for nothing where only something was looked up, or where nothing has to be asked for", async () => {
    const server = new SlowServer();
    const line = new CommitLine({
      send: server.send,
      confirmation: { kind: "replica" },
      confirmTimeoutMs: 700,
    });
    const read = line.submit(["read"], false);
    await server.answer();
    await server.answer("R");
    expect(await read).toBe("R");
    const plain = new CommitLine({
      send: server.send,
      confirmation: { kind: "none" },
      confirmTimeoutMs: 700,
    });
    const write = plain.submit(["write"], true);
    await server.answer("W");
    expect(await write).toBe("W");
    expect(server.sent).toEqual(["read", "write"]);
  });

  test("asks for the disk where the server can tell", async () => {
    const server = new SlowServer();
    const line = new CommitLine({
      send: server.send,
      confirmation: { kind: "fsync" },
      confirmTimeoutMs: 700,
    });
    const writes = [line.submit(["a"], true)];
    await server.answer();
    await server.answer("A", [1, 0]);
    expect(await writes[0]).toBe("A");
    writes.push(line.submit(["b"], true));
    await server.answer();
    expect(server.sent).toEqual(["a", "WAITAOF 1 0 700", "b", "WAITAOF 1 0 700"]);
    void server.answer("B", [0, 0]);
    await expect(writes[1]).rejects.toThrow("it was not on the disk within 700 ms");
  });

  test("hands on what goes wrong with the question", async () => {
    const lost = new Error("lost");
    const send = (args: readonly string[]) =>
      args[0] === "WAIT" ? Promise.reject(lost) : Promise.resolve("ok");
    const line = new CommitLine({ send, confirmation: { kind: "replica" }, confirmTimeoutMs: 700 });
    await expect(line.submit(["a"], true)).rejects.toBe(lost);
    await expect(line.submit(["b"], true)).rejects.toBe(lost);
  });
});
