/** The suite that every store passes. One file per subject; test names carry the number of the rule in `store.ts`. */
import { afterEach, beforeEach, describe } from "vitest";
import { appendContract } from "./contract/append-contract.ts";
import type { ContractOptions, ContractSubject, StoreFixture } from "./contract/contract-fixture.ts";
import { hintContract } from "./contract/hint-contract.ts";
import { idempotencyContract } from "./contract/idempotency-contract.ts";
import { isolationContract } from "./contract/isolation-contract.ts";
import { leaseContract } from "./contract/lease-contract.ts";
import { modelContract } from "./contract/model-contract.ts";
import { readContract } from "./contract/read-contract.ts";
import { retentionContract } from "./contract/retention-contract.ts";
import { rosterContract } from "./contract/roster-contract.ts";
import { sessionContract } from "./contract/session-contract.ts";
import { sweepContract } from "./contract/sweep-contract.ts";

export type { StoreFixture } from "./contract/contract-fixture.ts";

/** `makeStore` gives an empty store; each test has its own. */
export function storeContract(
  name: string,
  makeStore: () => Promise<StoreFixture>,
  { slackRecords, isShared = false }: ContractOptions = { slackRecords: 0 },
): void {
  describe(`${name} store`, () => {
    let fixture: StoreFixture | undefined;
    const subject: ContractSubject = {
      slackRecords,
      hasNodes: isShared,
      get store() {
        return fixture!.store;
      },
      get openAnother() {
        return fixture!.openAnother;
      },
    };

    beforeEach(async () => {
      fixture = await makeStore();
    });
    afterEach(async () => {
      await fixture?.dispose();
      fixture = undefined;
    });

    appendContract(subject);
    readContract(subject);
    idempotencyContract(subject);
    retentionContract(subject);
    leaseContract(subject);
    rosterContract(subject);
    sessionContract(subject);
    hintContract(subject);
    isolationContract(subject);
    sweepContract(subject);
    modelContract(subject);
  });
}
