import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideTakeover, MAX_ATTEMPTS, MAX_RESTART_AGE_MS, type OrphanState } from "./takeover-decision.ts";

const NOW_MS = 1_700_000_000_000;
const LEASE_TTL_MS = 15_000;

const orphan = (fields: Partial<OrphanState> = {}): OrphanState => ({
  nowMs: NOW_MS,
  run: { attempt: 1, startedAtMs: NOW_MS - 20_000 },
  expiredAtMs: NOW_MS - 1_000,
  refusal: undefined,
  leaveToOthersMs: LEASE_TTL_MS,
  ...fields,
});

describe("an execution whose owner is gone", () => {
  test("runs once more where that was asked for and can be done", () => {
    expect(decideTakeover(orphan())).toEqual({ kind: "restart", attempt: 2 });
  });

  test("ends where it was not asked for", () => {
    expect(decideTakeover(orphan({ run: undefined }))).toMatchObject({ kind: "interrupt" });
  });

  test("is left to the others for a while by who cannot run it, and then ended", () => {
    const refused = (expiredAgoMs: number, leaveToOthersMs = LEASE_TTL_MS) =>
      decideTakeover(orphan({ refusal: "it is full", expiredAtMs: NOW_MS - expiredAgoMs, leaveToOthersMs }));
    expect(refused(0)).toEqual({ kind: "leave" });
    expect(refused(LEASE_TTL_MS - 1)).toEqual({ kind: "leave" });
    expect(refused(LEASE_TTL_MS)).toEqual({ kind: "interrupt", why: "it is full" });
    expect(refused(0, 0)).toEqual({ kind: "interrupt", why: "it is full" });
  });

  test("is ended when it was asked for too long ago", () => {
    const asked = (agoMs: number) =>
      decideTakeover(orphan({ run: { attempt: 1, startedAtMs: NOW_MS - agoMs } })).kind;
    expect(asked(MAX_RESTART_AGE_MS)).toBe("restart");
    expect(asked(MAX_RESTART_AGE_MS + 1)).toBe("interrupt");
  });

  test("never has more attempts than there are, and is never left for longer than was said", () => {
    const states = fc.record({
      nowMs: fc.constant(NOW_MS),
      run: fc.option(
        fc.record({
          attempt: fc.integer({ min: 1, max: MAX_ATTEMPTS }),
          startedAtMs: fc.integer({ min: NOW_MS - 2 * MAX_RESTART_AGE_MS, max: NOW_MS }),
        }),
        { nil: undefined },
      ),
      // With one owner, what has not run out yet is taken as well.
      expiredAtMs: fc.integer({ min: NOW_MS - 60_000, max: NOW_MS + LEASE_TTL_MS }),
      refusal: fc.constantFrom(undefined, "it is full"),
      leaveToOthersMs: fc.constantFrom(0, LEASE_TTL_MS),
    });
    fc.assert(
      fc.property(states, (state) => {
        const decision = decideTakeover(state);
        if (decision.kind === "restart") {
          expect(state.run).toBeDefined();
          expect(state.refusal).toBeUndefined();
          expect(decision.attempt).toBe(2);
          expect(decision.attempt).toBeLessThanOrEqual(MAX_ATTEMPTS);
        }
        if (decision.kind === "leave") {
          expect(state.leaveToOthersMs).toBeGreaterThan(0);
          const later = { ...state, nowMs: state.expiredAtMs + state.leaveToOthersMs };
          expect(decideTakeover(later).kind).toBe("interrupt");
        }
        if (state.refusal === undefined) expect(decision.kind).not.toBe("leave");
      }),
    );
  });
});
