import { errorCodeOf } from "@tachikoma/protocol";
import { expect, test } from "vitest";
import { FakeClock } from "../core/testing/fake-clock.ts";
import type { Load } from "./admission.ts";
import { AdmissionGate } from "./admission-gate.ts";

function gateFixture() {
  const clock = new FakeClock();
  const logged: string[] = [];
  const shed: string[] = [];
  const load: { -readonly [Key in keyof Load]: Load[Key] } = {
    delayP99Ms: 0,
    utilization: 0.5,
    heapShare: 0,
    handshakeCount: 0,
  };
  const note = (level: string) => (_: object, message: string) => {
    logged.push(`${level}: ${message}`);
  };
  const gate = new AdmissionGate({
    limits: { maxDelayMs: 100, maxUtilization: 0.95, maxHeapShare: 0.85, maxHandshakes: 2 },
    load: () => load,
    clock,
    logger: { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") },
    onShed: (reason) => shed.push(reason),
  });
  return { clock, logged, shed, load, gate };
}

function codeOfCheck(gate: AdmissionGate, isResuming: boolean): string | undefined {
  try {
    gate.check(isResuming);
    return undefined;
  } catch (cause) {
    return errorCodeOf(cause);
  }
}

test("what is refused is counted by its reason, and whoever resumes is refused last", () => {
  const { gate, load, shed } = gateFixture();
  expect([codeOfCheck(gate, false), gate.levelNumber()]).toEqual([undefined, 0]);
  load.handshakeCount = 3;
  expect(codeOfCheck(gate, false)).toBe("SERVER_OVERLOADED");
  expect([codeOfCheck(gate, true), gate.levelNumber()]).toEqual([undefined, 1]);
  load.heapShare = 0.99;
  expect(codeOfCheck(gate, true)).toBe("SERVER_OVERLOADED");
  expect(gate.levelNumber()).toBe(2);
  load.handshakeCount = 0;
  load.heapShare = 0;
  expect([codeOfCheck(gate, false), gate.levelNumber()]).toEqual([undefined, 0]);
  expect(shed).toEqual(["pending_handshakes", "heap"]);
});

test("the log has a line when it begins and when it is over, however often the level changes", async () => {
  const { clock, gate, load, logged } = gateFixture();
  for (let round = 0; round < 20; round += 1) {
    load.handshakeCount = 3;
    codeOfCheck(gate, false);
    load.handshakeCount = 0;
    codeOfCheck(gate, false);
  }
  const over = "info: No longer overloaded: connections are let in again";
  expect(logged).toEqual(["warn: Overloaded: new connections are refused", over]);
  await clock.advance(10_000);
  load.handshakeCount = 3;
  codeOfCheck(gate, false);
  expect(logged).toHaveLength(3);
});
