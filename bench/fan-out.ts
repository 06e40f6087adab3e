// How much a delivered token costs the server, and how old it is when it arrives. See README.md for the method.
import { parseArgs } from "node:util";
import { type Measurement, measure } from "./fan-out/measurement.ts";
import { report } from "./fan-out/report.ts";
import { type Scenario, SUBJECTS } from "./fan-out/scenario.ts";

const { values } = parseArgs({
  options: {
    answers: { type: "string", default: "20" },
    viewers: { type: "string", default: "10" },
    rate: { type: "string", default: "50" },
    seconds: { type: "string", default: "10" },
    runs: { type: "string", default: "3" },
  },
});

const scenario: Scenario = {
  answerCount: Number(values.answers),
  viewersPerAnswer: Number(values.viewers),
  tokensPerSecond: Number(values.rate),
  durationSecs: Number(values.seconds),
};
const runs: Measurement[][] = SUBJECTS.map(() => []);
// One run of each after the other, so that what else the machine does falls on all of them.
for (let run = 1; run <= Number(values.runs); run += 1) {
  for (const [index, subject] of SUBJECTS.entries()) {
    process.stderr.write(`run ${run}: ${subject}\n`);
    runs[index]?.push(await measure(subject, scenario));
  }
}
process.stdout.write(`${report(scenario, runs)}\n`);
