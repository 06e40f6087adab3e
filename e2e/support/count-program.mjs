// A model that counts: the last thing that was said is "UP_TO PAUSE_MS".
import { setTimeout as pause } from "node:timers/promises";

let text = "";
for await (const piece of process.stdin) text += piece;
const [upTo, pauseMs] = JSON.parse(text).messages.at(-1).content.split(" ").map(Number);
for (let number = 0; number < upTo; number += 1) {
  await pause(pauseMs);
  process.stdout.write(`${number} `);
}
