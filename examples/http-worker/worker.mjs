// Appends results to the channel `job:squares` with nothing but fetch.   node worker.mjs [URL] [FILE] [COUNT]
import { sendAll } from "./outbox.mjs";
import { square } from "./squares.mjs";

const [url = "http://127.0.0.1:3000", file = "squares.json", count = "1000"] = process.argv.slice(2);
const MAX_ANSWER_MS = 10_000;
/** The sender and the id make a message the same one when it comes again, so both have to stay. */
const PRODUCER = "squares-1";

await sendAll({
  file,
  count: Number(count),
  work: square,
  send: ({ number, data }) =>
    fetch(`${url}/api/channels/job:squares/messages?client_id=${PRODUCER}`, {
      method: "POST",
      body: JSON.stringify({ id: `${PRODUCER}-${number}`, data }),
      signal: AbortSignal.timeout(MAX_ANSWER_MS),
    }),
});
