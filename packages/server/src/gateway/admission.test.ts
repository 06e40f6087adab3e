import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ADMISSION_LEVELS,
  type Admission,
  type AdmissionLevel,
  admissionLevel,
  EVERYONE_ADMITTED,
  type Load,
  nextAdmission,
  retryAfterMs,
  SHED_REASONS,
  shedReason,
} from "./admission.ts";

const LIMITS = { maxDelayMs: 100, maxUtilization: 0.95, maxHeapShare: 0.85, maxHandshakes: 200 };
const CALM: Load = { delayP99Ms: 3, utilization: 0.2, heapShare: 0.1, handshakeCount: 1 };

function after(...loads: Partial<Load>[]): Admission {
  let admission = EVERYONE_ADMITTED;
  for (const load of loads) admission = nextAdmission(admission, { ...CALM, ...load }, LIMITS);
  return admission;
}

describe("each measure alone", () => {
  test.each<[Partial<Load>, AdmissionLevel]>([
    [{}, "open"],
    [{ delayP99Ms: 100 }, "open"],
    [{ delayP99Ms: 100.1 }, "resuming"],
    [{ delayP99Ms: 1_000 }, "resuming"],
    [{ delayP99Ms: 1_000.1 }, "closed"],
    // Not its own doing.
    [{ utilization: 0.09, delayP99Ms: 5_000 }, "open"],
    [{ utilization: 0.95 }, "open"],
    [{ utilization: 0.951 }, "resuming"],
    [{ utilization: 1 }, "resuming"],
    [{ heapShare: 0.85 }, "open"],
    [{ heapShare: 0.86 }, "resuming"],
    [{ heapShare: 0.925 }, "resuming"],
    [{ heapShare: 0.93 }, "closed"],
    [{ handshakeCount: 200 }, "open"],
    [{ handshakeCount: 201 }, "resuming"],
    [{ handshakeCount: 2_000 }, "resuming"],
    [{ handshakeCount: 2_001 }, "closed"],
  ])("%j: %s", (load, level) => {
    expect(admissionLevel(after(load))).toBe(level);
  });

  test("names itself as the reason, and the strictest decides", () => {
    expect(shedReason(after({ heapShare: 0.9 }), false)).toBe("heap");
    expect(shedReason(after({ heapShare: 0.9 }), true)).toBeUndefined();
    const both = after({ utilization: 1, handshakeCount: 2_500 });
    expect(shedReason(both, false)).toBe("event_loop_utilization");
    expect(shedReason(both, true)).toBe("pending_handshakes");
    expect(admissionLevel(both)).toBe("closed");
  });
});

describe("a level that was reached", () => {
  test("is left below 95 % of the limit that led to it", () => {
    expect(admissionLevel(after({ delayP99Ms: 101 }, { delayP99Ms: 95.1 }))).toBe("resuming");
    expect(admissionLevel(after({ delayP99Ms: 101 }, { delayP99Ms: 95 }))).toBe("open");
    expect(admissionLevel(after({ delayP99Ms: 1_001 }, { delayP99Ms: 951 }))).toBe("closed");
    expect(admissionLevel(after({ delayP99Ms: 1_001 }, { delayP99Ms: 950 }))).toBe("resuming");
    expect(admissionLevel(after({ delayP99Ms: 1_001 }, { delayP99Ms: 95 }))).toBe("open");
  });

  test("is left at once where it was for handshakes under way", () => {
    expect(admissionLevel(after({ handshakeCount: 2_001 }, { handshakeCount: 2_000 }))).toBe("resuming");
    expect(admissionLevel(after({ handshakeCount: 2_001 }, { handshakeCount: 200 }))).toBe("open");
  });

  test("is not reached by what lies between", () => {
    expect(admissionLevel(after({ delayP99Ms: 99 }, { delayP99Ms: 96 }))).toBe("open");
    expect(admissionLevel(after({ delayP99Ms: 101 }, { delayP99Ms: 995 }))).toBe("resuming");
  });
});

const load = fc.record({
  delayP99Ms: fc.double({ min: 0, max: 2_000, noNaN: true }),
  utilization: fc.double({ min: 0, max: 1, noNaN: true }),
  heapShare: fc.double({ min: 0, max: 1, noNaN: true }),
  handshakeCount: fc.nat(5_000),
});

test("who resumes is let in wherever anybody is, and calm opens every level", () => {
  fc.assert(
    fc.property(fc.array(load, { maxLength: 20 }), (loads) => {
      const admission = after(...loads);
      if (shedReason(admission, false) === undefined) expect(shedReason(admission, true)).toBeUndefined();
      expect(nextAdmission(admission, CALM, LIMITS)).toEqual(EVERYONE_ADMITTED);
    }),
  );
});

test("more load never lets more in", () => {
  const strictness = (admission: Admission) =>
    SHED_REASONS.map((reason) => ADMISSION_LEVELS.indexOf(admission[reason]));
  fc.assert(
    fc.property(fc.array(load, { maxLength: 5 }), load, load, (history, one, other) => {
      const more: Load = {
        delayP99Ms: Math.max(one.delayP99Ms, other.delayP99Ms),
        utilization: Math.max(one.utilization, other.utilization),
        heapShare: Math.max(one.heapShare, other.heapShare),
        handshakeCount: Math.max(one.handshakeCount, other.handshakeCount),
      };
      const before = after(...history);
      const less = strictness(nextAdmission(before, one, LIMITS));
      const stricter = strictness(nextAdmission(before, more, LIMITS));
      for (const [index, level] of less.entries()) expect(stricter[index]).toBeGreaterThanOrEqual(level);
    }),
  );
});

test("the time to come back is spread, and shorter for who resumes", () => {
  expect([0, 0.5, 0.999_999].map((fraction) => retryAfterMs(true, fraction))).toEqual([1_000, 3_000, 5_000]);
  expect([0, 0.5, 0.999_999].map((fraction) => retryAfterMs(false, fraction))).toEqual([
    2_000, 6_000, 10_000,
  ]);
});
