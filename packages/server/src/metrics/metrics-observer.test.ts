import { expect, test } from "vitest";
import { createMetricsObserver } from "./metrics-observer.ts";
import { createServerMetrics } from "./server-metrics.ts";

test("what happens between nodes is counted under its name, times in seconds", () => {
  const metrics = createServerMetrics();
  const observer = createMetricsObserver(metrics);
  observer.wakeUpArrived(4);
  observer.headRepaired(3);
  observer.hintsLost();
  observer.fenceHit();
  observer.leaseTakenOver("interrupted");
  observer.leaseTakenOver("restarted");
  observer.leaseTakenOver("interrupted");
  observer.commandForwarded("cancel");
  observer.sessionTaken();
  observer.storeReconnected();
  const lines = metrics.expose().split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'tachikoma_wake_up_lag_seconds_bucket{le="0.0025"} 0',
      'tachikoma_wake_up_lag_seconds_bucket{le="0.005"} 1',
      "tachikoma_wake_up_lag_seconds_sum 0.004",
      "tachikoma_head_repairs_total 3",
      "tachikoma_hints_lost_total 1",
      "tachikoma_fences_hit_total 1",
      'tachikoma_leases_taken_over_total{outcome="interrupted"} 2',
      'tachikoma_leases_taken_over_total{outcome="restarted"} 1',
      'tachikoma_commands_forwarded_total{kind="cancel"} 1',
      "tachikoma_sessions_taken_total 1",
      "tachikoma_store_reconnects_total 1",
    ]),
  );
});
