import type { ContenderName } from "./contender.ts";
import { measure } from "./measure.ts";
import type { Plan } from "./plan.ts";
import { type Row, tableOf } from "./report.ts";
import type { WorkResult } from "./saved-run.ts";
import { type Outcome, speaksWebSocket, type Work } from "./works/work.ts";

export async function runWorks(plan: Plan, say: (text: string) => void): Promise<WorkResult[]> {
  const results: WorkResult[] = [];
  for (const work of plan.works) {
    const rows = await runWork(work, plan, say);
    process.stdout.write(`\n${tableOf(work, rows)}\n\n`);
    results.push({ work: work.name, title: work.title, mainFigure: work.mainFigure, rows });
  }
  return results;
}

async function runWork(work: Work, plan: Plan, say: (text: string) => void): Promise<Row[]> {
  const { isFor = speaksWebSocket } = work;
  const contenders = plan.contenders.filter((name) => isFor(name));
  const outcomes = new Map<ContenderName, Outcome[]>(contenders.map((name) => [name, []]));
  for (let round = 0; round < plan.roundCount; round += 1) {
    for (const name of orderOf(contenders, round)) {
      say(`${work.name}, round ${round + 1} of ${plan.roundCount}: ${name}`);
      outcomes.get(name)?.push(await measure(work, name, plan));
    }
  }
  return [...outcomes].map(([contender, rounds]) => ({ contender, outcomes: rounds }));
}

/** The order of the contenders turns from round to round, forwards and backwards, so that none always follows the same one. */
function orderOf(contenders: readonly ContenderName[], round: number): ContenderName[] {
  if (contenders.length === 0) return [];
  const shift = Math.floor(round / 2) % contenders.length;
  const turned = [...contenders.slice(shift), ...contenders.slice(0, shift)];
  return round % 2 === 0 ? turned : turned.reverse();
}
