import fc from "fast-check";
import { describe, test } from "vitest";
import type { ContractSubject } from "./contract-fixture.ts";
import { commandArbitrary } from "./model-command.ts";
import { ModelRun } from "./model-run.ts";

const RUN_COUNT = 60;
const MAX_COMMANDS = 60;

/** Random sequences of calls, each compared with the reference model. */
export function modelContract(subject: ContractSubject): void {
  describe("reference model", () => {
    test(`agrees over ${RUN_COUNT} random sequences of calls`, async () => {
      const commands = fc.array(commandArbitrary, { minLength: 1, maxLength: MAX_COMMANDS, size: "max" });
      let runNumber = 0;
      const property = fc.asyncProperty(commands, async (sequence) => {
        // One store for all of them, so that each sequence also meets what others have left behind.
        const run = new ModelRun(subject.store, subject.slackRecords, `tenant-${runNumber++}`);
        for (const command of sequence) await run.execute(command);
        await run.verify();
      });
      await fc.assert(property, { numRuns: RUN_COUNT });
    }, 60_000);
  });
}
