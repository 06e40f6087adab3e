// The same as a producer of Durable Streams, into the stream `jobs/squares`.   node stream-worker.mjs [URL] [FILE] [COUNT]
import { sendAll } from "./outbox.mjs";
import { square } from "./squares.mjs";

const [url = "http://127.0.0.1:3000", file = "stream-squares.json", count = "1000"] = process.argv.slice(2);
const MAX_ANSWER_MS = 10_000;
const stream = `${url}/v1/stream/jobs/squares`;
const json = { "content-type": "application/json" };

const created = await fetch(stream, { method: "PUT", headers: json });
if (!created.ok) throw new Error(`${created.status} ${await created.text()}`);

await sendAll({
  file,
  count: Number(count),
  work: square,
  send: ({ number, data }) =>
    fetch(stream, {
      method: "POST",
      headers: {
        ...json,
        "producer-id": "squares-1",
        // The same after a crash, so that the repeated message is known. A successor that shuts this one out takes the next.
        "producer-epoch": "0",
        "producer-seq": String(number - 1),
      },
      body: JSON.stringify(data),
      signal: AbortSignal.timeout(MAX_ANSWER_MS),
    }),
});
