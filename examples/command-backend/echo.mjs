// Answers with what was said last, word by word.
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const { messages } = await json(process.stdin);
const last = messages.at(-1);
const text = typeof last.content === "string" ? last.content : JSON.stringify(last.content ?? last.parts);

for (const word of text.split(" ")) {
  process.stdout.write(`${word} `);
  await sleep(50);
}
