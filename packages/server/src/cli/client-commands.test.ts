/** `tail`, `send` and `run` with the real client, over a real socket. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runProgram } from "./program.ts";
import { type RecordingTerminal, recordingTerminal } from "./testing/recording-terminal.ts";
import { ScriptedServer } from "./testing/scripted-server.ts";

let server: ScriptedServer;
beforeEach(async () => {
  server = await ScriptedServer.start();
});
afterEach(() => server.stop());

interface Started {
  readonly terminal: RecordingTerminal;
  readonly ended: Promise<number>;
}

function start(argv: readonly string[], options: Parameters<typeof recordingTerminal>[0] = {}): Started {
  const terminal = recordingTerminal(options);
  return { terminal, ended: runProgram([...argv, "--url", server.url], terminal) };
}

/** Waits for the output; a failure shows what was there instead. */
function expectOut({ terminal }: Started) {
  return expect.poll(() => terminal.outText(), { timeout: 10_000, interval: 5 });
}

async function finish({ terminal, ended }: Started) {
  const code = await ended;
  return { code, out: terminal.outText(), err: terminal.errText() };
}

describe("send", () => {
  test.each<[string[], unknown]>([
    [['{"a": [1]}'], { a: [1] }],
    [["plain text"], "plain text"],
    [["42"], 42],
    [["42", "--text"], "42"],
    [["-"], "from stdin\n"],
  ])("%j", async (argv, data) => {
    const result = await finish(start(["send", "chat:1", ...argv], { input: "from stdin\n" }));
    expect(result).toEqual({ code: 0, out: "e.1.t1\n", err: "" });
    expect(server.requests).toMatchObject([{ type: "publish", channel: "chat:1", data }]);
  });
});

describe("tail", () => {
  test("prints what is there and what comes, until Ctrl-C", async () => {
    server.append("chat:1", { type: "message", data: "first" });
    const started = start(["tail", "chat:1", "--since", "start"]);
    await server.untilSubscribed("chat:1");
    server.append("chat:1", { type: "message", data: { n: 2 } });
    await expectOut(started).toBe('first\n{"n":2}\n');
    started.terminal.signal("SIGINT");
    expect(await finish(started)).toEqual({ code: 130, out: 'first\n{"n":2}\n', err: "" });
  });

  test("as JSON, with positions", async () => {
    server.append("chat:1", { type: "message", data: "x", sender: "ann" });
    const started = start(["tail", "chat:1", "--since", "start", "--json"]);
    await expectOut(started).toContain("\n");
    started.terminal.signal("SIGINT");
    const { out } = await finish(started);
    expect(JSON.parse(out)).toEqual({
      type: "message",
      channel: "chat:1",
      position: "e.1.t1",
      data: "x",
      sender: "ann",
    });
  });

  test("goes on after a lost connection, without a repetition or a gap", async () => {
    const started = start(["tail", "chat:1", "--since", "start"]);
    await server.untilSubscribed("chat:1");
    server.append("chat:1", { type: "message", data: "before" });
    await expectOut(started).toBe("before\n");
    server.cutConnections();
    server.append("chat:1", { type: "message", data: "between" });
    await expectOut(started).toBe("before\nbetween\n");
    started.terminal.signal("SIGINT");
    const { err } = await finish(started);
    expect(err).toBe("-- connection lost, trying again\n-- connected again\n");
  });

  test("a channel that is forbidden is a failure", async () => {
    expect(await finish(start(["tail", "forbidden"]))).toEqual({
      code: 1,
      out: "",
      err: expect.stringMatching(/^tachikoma: .*FORBIDDEN\)\n$/),
    });
  });

  test("a place that is none is a usage error", async () => {
    expect((await finish(start(["tail", "chat:1", "--since", "yesterday"]))).code).toBe(2);
  });
});

describe("run", () => {
  test("streams the answer, and nothing else, to stdout", async () => {
    expect(await finish(start(["run", "answer", "Hi"]))).toEqual({ code: 0, out: "Hello\n", err: "" });
    expect(server.requests[0]).toMatchObject({
      type: "execute",
      handler: "answer",
      input: { messages: [{ role: "user", content: "Hi" }] },
    });
  });

  test("on a terminal it tells the usage on stderr", async () => {
    const { out, err } = await finish(start(["run", "answer", "-"], { isTty: true, input: "Hi" }));
    expect(out).toBe("Hello\n");
    expect(err).toBe("-- completed, input tokens 1, output tokens 2\n");
  });

  test("on a channel, with an input of one's own, as JSON", async () => {
    const { code, out } = await finish(
      start(["run", "answer", "--channel", "chat:7", "--input", '{"x": 1}', "--json"]),
    );
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(0);
    expect(lines.filter(({ type }) => type === "chunk").length).toBeGreaterThan(1);
    expect(lines[0]).toMatchObject({ type: "chunk", execution_id: "x1", chunk: { type: "text-start" } });
    expect(lines.at(-1)).toMatchObject({ type: "ended", outcome: "completed", channel: "chat:7" });
    expect(server.requests.find(({ type }) => type === "execute")).toMatchObject({
      channel: "chat:7",
      input: { x: 1 },
    });
  });

  test("Ctrl-C cancels on the server and waits for the end", async () => {
    const started = start(["run", "endless", "Hi"]);
    await expectOut(started).toBe("Hel");
    started.terminal.signal("SIGINT");
    expect(await finish(started)).toEqual({ code: 130, out: "Hel\n", err: "" });
    expect(server.requests.at(-1)).toMatchObject({ type: "cancel", execution_id: "x1" });
  });

  test("a second Ctrl-C leaves at once, also when nobody answers", async () => {
    const started = start(["run", "endless", "Hi"]);
    await expectOut(started).toBe("Hel");
    server.stop();
    started.terminal.signal("SIGINT");
    started.terminal.advance(1000);
    started.terminal.signal("SIGINT");
    expect((await finish(started)).code).toBe(130);
  });

  test("a failed execution and an unknown handler are failures", async () => {
    expect(await finish(start(["run", "broken", "Hi"]))).toEqual({
      code: 1,
      out: "Hello\n",
      err: "tachikoma: the execution did not complete: failed, The handler failed (HANDLER_FAILED), input tokens 1, output tokens 2\n",
    });
    expect(await finish(start(["run", "nobody", "Hi"]))).toEqual({
      code: 1,
      out: "",
      err: expect.stringContaining("UNKNOWN_HANDLER"),
    });
  });

  test.each([
    ["text", [], "Hel\nSecond\n"],
    ["JSON", ["--json"], '"delta":"Hel"}}\n{"execution_id":"x1","attempt":2,'],
  ])("an answer that starts again is printed anew, as %s", async (_, options, expected) => {
    const started = start(["run", "endless", "Hi", ...options]);
    await expectOut(started).toContain("Hel");
    const place = { execution_id: "x1" };
    server.append("execution:x1", { type: "execution_restarted", ...place, attempt: 2 });
    const chunk = { type: "text-delta", id: "p", delta: "Second" };
    server.append("execution:x1", { type: "chunk", ...place, chunk });
    server.append("execution:x1", { type: "execution_completed", ...place, usage: {} });
    const { code, out, err } = await finish(started);
    expect(code).toBe(0);
    expect(out).toContain(expected);
    if (options.length === 0) expect(err).toContain("it starts again (attempt 2)");
  });

  test("somebody else's cancel is not a success", async () => {
    const started = start(["run", "endless", "Hi", "--channel", "chat:1"]);
    await expectOut(started).toBe("Hel");
    server.append("chat:1", {
      type: "execution_cancelled",
      execution_id: "x1",
      usage: {},
      reason: "requested",
      sender: "ann",
    });
    const { code, err } = await finish(started);
    expect(code).toBe(1);
    expect(err).toContain("cancelled by ann");
  });
});

describe("the door", () => {
  test("a missing and a wrong token are told apart; the right one may come from either variable", async () => {
    const open = server;
    server = await ScriptedServer.start("the-right-token");
    open.stop();
    const argv = ["send", "chat:1", "x"];
    const missing = await finish(start(argv));
    expect(missing).toMatchObject({
      code: 3,
      err: expect.stringContaining("refused the connection: 401 Token required\nhint: "),
    });
    const wrong = await finish(start([...argv, "--token", "canary"]));
    expect(wrong).toMatchObject({ code: 3, err: expect.stringContaining("401 Unauthorized") });
    expect(wrong.err).not.toContain("canary");
    for (const name of ["TACHIKOMA_TOKEN", "TACHIKOMA_SECURITY__API_KEY"]) {
      expect((await finish(start(argv, { env: { [name]: "the-right-token" } }))).code).toBe(0);
    }
  });
});
