import { type CheckOptions, DEFAULT_CHECK_OPTIONS } from "./check-options.ts";
import { type History, indexHistory } from "./history.ts";
import type { HistoryRecord } from "./history-record.ts";
import { checkAgreement } from "./invariants/agreement.ts";
import { checkBoundedMemory } from "./invariants/bounded-memory.ts";
import { checkCancel } from "./invariants/cancel.ts";
import { checkClearError } from "./invariants/clear-error.ts";
import { checkFence } from "./invariants/fence.ts";
import { checkHonestLoss } from "./invariants/honest-loss.ts";
import { checkIdempotence } from "./invariants/idempotence.ts";
import { checkIsolation } from "./invariants/isolation.ts";
import { checkLiveness } from "./invariants/liveness.ts";
import { checkNoDuplicate } from "./invariants/no-duplicate.ts";
import { checkNoGap } from "./invariants/no-gap.ts";
import { checkNoLostWrite } from "./invariants/no-lost-write.ts";
import { checkNoPhantom } from "./invariants/no-phantom.ts";
import { checkOneEnd } from "./invariants/one-end.ts";
import { checkPublisherOrder } from "./invariants/publisher-order.ts";
import type { InvariantId, Violation } from "./violation.ts";

const INVARIANTS: Record<InvariantId, (history: History, options: CheckOptions) => Violation[]> = {
  C1: checkAgreement,
  C2: checkNoPhantom,
  C3: checkNoGap,
  C4: checkNoDuplicate,
  C5: checkNoLostWrite,
  C6: checkHonestLoss,
  C7: checkIsolation,
  C8: checkPublisherOrder,
  C9: checkIdempotence,
  C10: checkCancel,
  C11: checkFence,
  C12: checkOneEnd,
  C13: checkLiveness,
  C14: checkBoundedMemory,
  C15: checkClearError,
};

/** Everything in the history that breaks a promise. What the history does not let one decide is not held against it. */
export function checkHistory(
  records: readonly HistoryRecord[],
  options: Partial<CheckOptions> = {},
): Violation[] {
  const history = indexHistory(records);
  const allOptions = { ...DEFAULT_CHECK_OPTIONS, ...options };
  return Object.values(INVARIANTS).flatMap((check) => check(history, allOptions));
}
