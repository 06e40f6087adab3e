import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Attempt, decideRetry, RETRY_POLICY, retryAtFromHeaders } from "./retry-decision.ts";
import type { UpstreamFault } from "./upstream-fault.ts";

const NOW_MS = Date.UTC(2030, 0, 1);
const HALF = 0.5;
const GIVE_UP = { kind: "give-up" };
const retryIn = (waitMs: number) => ({ kind: "retry", waitMs });

function attempt(changes: Partial<Attempt> = {}): Attempt {
  return { number: 1, waitedMs: 0, hasOutput: false, policy: RETRY_POLICY, ...changes };
}

const fault = {
  refused: { kind: "refused", detail: "" },
  unauthorized: { kind: "unauthorized", detail: "" },
  rateLimited: { kind: "rate-limited", detail: "" },
  rateLimitedFor: (ms: number) => ({ kind: "rate-limited", detail: "", retryAtMs: NOW_MS + ms }),
  quota: { kind: "rate-limited", detail: "", isQuotaExhausted: true },
  rejected: { kind: "rejected", detail: "" },
  failed: { kind: "failed", detail: "" },
  failedFor: (ms: number) => ({ kind: "failed", detail: "", retryAtMs: NOW_MS + ms }),
  invalid: { kind: "invalid", detail: "" },
  cut: { kind: "cut", detail: "" },
  timeout: { kind: "timeout", detail: "" },
} as const satisfies Record<string, UpstreamFault | ((ms: number) => UpstreamFault)>;

describe("decideRetry", () => {
  test.each<[what: string, attempt: Attempt, fault: UpstreamFault, decision: object]>([
    ["refused: half of the first step", attempt(), fault.refused, retryIn(250)],
    ["the second step is twice as long", attempt({ number: 2 }), fault.refused, retryIn(500)],
    ["the last attempt is the last", attempt({ number: 3 }), fault.refused, GIVE_UP],
    ["nothing is repeated once something is out", attempt({ hasOutput: true }), fault.refused, GIVE_UP],
    ["cut before the first token", attempt(), fault.cut, retryIn(250)],
    ["cut after the first token", attempt({ hasOutput: true }), fault.cut, GIVE_UP],
    ["failed", attempt(), fault.failed, retryIn(250)],
    ["failed, with a time", attempt(), fault.failedFor(3_000), retryIn(3_250)],
    ["rate limited, no time given", attempt(), fault.rateLimited, retryIn(250)],
    ["rate limited, with a time", attempt(), fault.rateLimitedFor(2_000), retryIn(2_250)],
    ["rate limited, with a time that has passed", attempt(), fault.rateLimitedFor(-9_000), retryIn(250)],
    ["rate limited, just within the budget", attempt(), fault.rateLimitedFor(19_750), retryIn(20_000)],
    ["rate limited for longer than the budget", attempt(), fault.rateLimitedFor(19_751), GIVE_UP],
    ["the budget counts earlier waits", attempt({ number: 2, waitedMs: 19_501 }), fault.refused, GIVE_UP],
    ["no quota left", attempt(), fault.quota, GIVE_UP],
    ["unauthorized", attempt(), fault.unauthorized, GIVE_UP],
    ["rejected", attempt(), fault.rejected, GIVE_UP],
    ["invalid", attempt(), fault.invalid, GIVE_UP],
    ["timeout", attempt(), fault.timeout, GIVE_UP],
  ])("%s", (_what, given, its, decision) => {
    expect(decideRetry(given, its, NOW_MS, HALF)).toEqual(decision);
  });

  test("one step is never longer than maxWaitMs", () => {
    const policy = { ...RETRY_POLICY, maxAttempts: 50, maxTotalWaitMs: 1e9 };
    expect(decideRetry(attempt({ number: 40, policy }), fault.refused, NOW_MS, HALF)).toEqual(retryIn(4_000));
  });

  test("always ends: attempts and waits stay within the policy, and no wait is shorter than what was asked for", () => {
    const faults = fc.oneof(
      fc.constantFrom<UpstreamFault>(fault.refused, fault.failed, fault.cut, fault.rateLimited),
      fc.integer({ min: -1_000, max: 30_000 }).map((ms): UpstreamFault => fault.rateLimitedFor(ms)),
    );
    const fractions = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(faults, fractions), { minLength: 10, maxLength: 10 }), (rounds) => {
        let [number, waitedMs] = [1, 0];
        for (const [given, fraction] of rounds) {
          const decision = decideRetry(attempt({ number, waitedMs }), given, NOW_MS, fraction);
          if (decision.kind === "give-up") break;
          const askedMs = given.kind === "rate-limited" ? (given.retryAtMs ?? NOW_MS) - NOW_MS : 0;
          expect(decision.waitMs).toBeGreaterThanOrEqual(Math.max(0, askedMs));
          waitedMs += decision.waitMs;
          number += 1;
        }
        expect(number).toBeLessThanOrEqual(RETRY_POLICY.maxAttempts);
        expect(waitedMs).toBeLessThanOrEqual(RETRY_POLICY.maxTotalWaitMs);
      }),
    );
  });
});

describe("retryAtFromHeaders", () => {
  test.each<[headers: Record<string, string>, inMs: number | undefined]>([
    [{}, undefined],
    [{ "retry-after": "3" }, 3_000],
    [{ "retry-after": " 0.5 " }, 500],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "Tue, 01 Jan 2030 00:00:07 GMT" }, 7_000],
    [{ "retry-after": "Mon, 31 Dec 2029 23:59:00 GMT" }, -60_000],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after-ms": "1200", "retry-after": "60" }, 1_200],
    [{ "retry-after-ms": "nonsense", "retry-after": "60" }, 60_000],
    [{ "retry-after": "-5" }, undefined],
  ])("%j", (headers, inMs) => {
    const atMs = retryAtFromHeaders(new Headers(headers), NOW_MS);
    expect(atMs === undefined ? undefined : atMs - NOW_MS).toBe(inMs);
  });
});
