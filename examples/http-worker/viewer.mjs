// Shows what the worker appends, a line of JSON each, with nothing but fetch: what EventSource does in a browser.   node viewer.mjs [URL]
import { setTimeout as sleep } from "node:timers/promises";

const [url = "http://127.0.0.1:3000"] = process.argv.slice(2);
const PAUSE_MS = 500;

let lastEventId;
for (;;) {
  try {
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const response = await fetch(`${url}/events?channel=job:squares&since=start`, { headers });
    if (response.status === 204) break;
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      process.stderr.write(`${response.status} ${await response.text()}\n`);
      process.exitCode = 1;
      break;
    }
    if (response.ok) for await (const event of events(response.body)) show(event);
  } catch (error) {
    process.stderr.write(`${error.message}, again\n`);
  }
  await sleep(PAUSE_MS);
}

function show({ id, data }) {
  const message = JSON.parse(data);
  if (message.type === "message") process.stdout.write(`${JSON.stringify(message.data)}\n`);
  if (message.type === "reset") process.stdout.write(`Discard what is above: ${message.reason}\n`);
  // Last, so that what is not shown yet comes again.
  if (id !== undefined) lastEventId = id;
}

/** Server-sent events: fields line by line, ended by an empty one. */
async function* events(body) {
  let event = {};
  for await (const line of lines(body)) {
    const [, field, value] = /^(\w*):? ?(.*)$/.exec(line) ?? [];
    if (line !== "") event[field] = event[field] === undefined ? value : `${event[field]}\n${value}`;
    else {
      if (event.data !== undefined) yield event;
      event = {};
    }
  }
}

async function* lines(body) {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop();
    yield* parts;
  }
}
