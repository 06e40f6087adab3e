// Stands for the work: something that takes its time and has a result.
import { setTimeout as sleep } from "node:timers/promises";

export async function square(number) {
  await sleep(20);
  return { number, square: number * number };
}
