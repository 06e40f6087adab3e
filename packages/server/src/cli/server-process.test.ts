import { describe, expect, test } from "vitest";
import { defaultSettings } from "../config/settings.ts";
import { type RunningServer, runServer } from "./server-process.ts";
import { recordingTerminal } from "./testing/recording-terminal.ts";

function prepare(options: { readonly isTty?: boolean } = {}) {
  const terminal = recordingTerminal(options);
  const lines: string[] = [];
  const log = (_fields: object, message: string) => {
    lines.push(message);
  };
  const starting = Promise.withResolvers<RunningServer>();
  const stopping = Promise.withResolvers<void>();
  const stopReasons: (string | undefined)[] = [];
  const server: RunningServer = {
    address: { url: "http://127.0.0.1:4000" },
    stop(reason) {
      stopReasons.push(reason);
      return stopping.promise;
    },
  };
  const ended = runServer({
    settings: defaultSettings(),
    workerCount: 1,
    logger: { debug: log, info: log, warn: log, error: log },
    terminal,
    start: () => starting.promise,
  });
  return { terminal, lines, ended, starting, stopping, stopReasons, server };
}

describe("a serving process", () => {
  test("stops at a signal, waits for the end and ends with 0", async () => {
    const { terminal, lines, ended, starting, stopping, stopReasons, server } = prepare();
    starting.resolve(server);
    await expect.poll(() => lines).toEqual(["Tachikoma is listening"]);
    expect(terminal.outText()).toBe("");
    terminal.signal("SIGTERM");
    await expect.poll(() => stopReasons).toEqual(["SIGTERM"]);
    expect(lines).not.toContain("Tachikoma has stopped");
    stopping.resolve();
    expect(await ended).toBe(0);
    expect(lines.at(-1)).toBe("Tachikoma has stopped");
    expect(terminal.exitCodes).toEqual([]);
  });

  test("shows the banner on a terminal", async () => {
    const { terminal, ended, starting, stopping, server } = prepare({ isTty: true });
    starting.resolve(server);
    await expect.poll(() => terminal.outText()).toContain("Playground  http://127.0.0.1:4000/");
    terminal.signal("SIGINT");
    stopping.resolve();
    expect(await ended).toBe(0);
  });

  test("takes one signal delivered twice as one, and another one as the end", async () => {
    const { terminal, ended, starting, stopping, stopReasons, server } = prepare();
    starting.resolve(server);
    terminal.signal("SIGINT");
    terminal.advance(100);
    terminal.signal("SIGINT");
    expect(terminal.exitCodes).toEqual([]);
    terminal.advance(1000);
    terminal.signal("SIGINT");
    terminal.signal("SIGTERM");
    expect(terminal.exitCodes).toEqual([130, 143]);
    stopping.resolve();
    await ended;
    expect(stopReasons).toEqual(["SIGINT"]);
  });

  test("obeys a signal that came during the start", async () => {
    const { terminal, ended, starting, stopping, stopReasons, server } = prepare();
    terminal.signal("SIGTERM");
    starting.resolve(server);
    stopping.resolve();
    expect(await ended).toBe(0);
    expect(stopReasons).toEqual(["SIGTERM"]);
  });

  test("stops, and fails with the reason, when its processes keep on ending", async () => {
    const { lines, ended, starting, stopping, stopReasons, server } = prepare();
    starting.resolve({ ...server, failed: Promise.reject(new Error("Worker 1 has ended")) });
    stopping.resolve();
    await expect(ended).rejects.toThrow("Worker 1 has ended");
    expect(stopReasons).toHaveLength(1);
    expect(lines.at(-1)).toBe("Stopping: a process of the server keeps on ending");
  });

  test("replaces its processes at SIGUSR2, and goes on", async () => {
    const { terminal, ended, starting, stopping, server } = prepare();
    let replacedCount = 0;
    const replaceAll = async () => {
      replacedCount += 1;
    };
    starting.resolve({ ...server, replaceAll });
    await expect
      .poll(() => {
        terminal.signal("SIGUSR2");
        return replacedCount;
      })
      .toBeGreaterThan(0);
    terminal.signal("SIGTERM");
    stopping.resolve();
    expect(await ended).toBe(0);
  });

  test("names the port that is in use", async () => {
    const { ended, starting } = prepare();
    starting.reject(Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE", syscall: "listen" }));
    await expect(ended).rejects.toMatchObject({ message: "port 3000 on 127.0.0.1 is in use", exitCode: 1 });
  });

  test("reports a stop that failed", async () => {
    const { terminal, ended, starting, stopping, stopReasons, server } = prepare();
    starting.resolve(server);
    terminal.signal("SIGTERM");
    await expect.poll(() => stopReasons).toHaveLength(1);
    stopping.reject(new Error("The disk is full"));
    await expect(ended).rejects.toThrow("The disk is full");
  });
});
