/**
 * A client that is a process of its own, to be killed like a tab. What it has applied is on the disk before the next record
 * comes, and what is on the disk is where its next process goes on.
 */
import { existsSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { connect, type Delivery, type Subscription } from "@tachikoma/client";
import { formatPosition, parsePosition } from "@tachikoma/protocol";
import { ChannelView } from "../../sim/actors/channel-view.ts";
import { formatHistory, parseHistory } from "../../sim/history/history-file.ts";
import type { HistoryRecord } from "../../sim/history/history-record.ts";
import {
  chunkValue,
  endValue,
  isDelta,
  messageValue,
  restartValue,
  startValue,
} from "../../sim/record-value.ts";
import type { Recorder } from "../../sim/recorder.ts";
import { machineMs } from "../machine-clock.ts";
import type { RemoteClientConfig } from "./remote-client.ts";

const config = JSON.parse(process.argv[2]!) as RemoteClientConfig;
const { name, historyPath, sessionPath, channels } = config;

const past = existsSync(historyPath) ? parseHistory(readFileSync(historyPath, "utf8")) : [];
const file = openSync(historyPath, "a");
const recorder: Pick<Recorder, "write"> = {
  write: (record) => {
    writeSync(file, formatHistory([{ ...record, timeMs: machineMs() } as HistoryRecord]));
  },
};

const client = connect(config.url, {
  clientId: name,
  backOff: config.timing.backOff,
  heartbeat: config.timing.heartbeat,
  storage: {
    get: () => (existsSync(sessionPath) ? readFileSync(sessionPath, "utf8") : undefined),
    set: (session) => writeFileSync(sessionPath, session),
  },
});
let connectionId = "none";
client.on("session", (session) => {
  connectionId = session.connectionId;
  recorder.write({ kind: "conn", session: name, conn: connectionId, tenant: "default" });
});
client.on("error", () => {});
for (const channel of channels) follow(channel);

// Written only at the end of a process otherwise, and this one will be killed.
flushCompileCache();
let isPublishing = true;
const publishing = publishAlways();
process.stdin.resume().on("data", () => {
  isPublishing = false;
});
process.stdin.on("end", () => process.exit(1));
await publishing;

function follow(channel: string): void {
  const view = new ChannelView(channel, name, recorder, () => {});
  const position = lastPosition(channel);
  if (position !== undefined) view.at = parsePosition(position);
  const subscription = client
    .channel(channel)
    .subscribe(position === undefined ? { since: "start" } : { position });
  listen(subscription, view);
}

function listen(subscription: Subscription, view: ChannelView): void {
  subscription.on("subscribed", ({ position, recovered }) => {
    const at = parsePosition(position);
    if (at !== undefined && recovered) view.begin(at);
  });
  subscription.on("delivery", (delivery) => take(view, delivery));
}

function take(view: ChannelView, delivery: Delivery): void {
  const at = parsePosition(delivery.position)!;
  switch (delivery.type) {
    case "reset":
      return view.reset(delivery.reason, at);
    case "message":
      return view.apply(connectionId, at, messageValue(delivery.data), false);
    case "started":
      return view.apply(connectionId, at, startValue(delivery.executionId), false);
    case "restarted":
      return view.apply(connectionId, at, restartValue(delivery.executionId, delivery.attempt), false);
    case "chunk": {
      const { executionId, chunk } = delivery;
      return view.apply(connectionId, at, chunkValue(executionId, chunk), isDelta(chunk));
    }
    case "ended":
      return view.apply(connectionId, at, endValue(delivery.executionId, delivery.outcome), false);
  }
}

/** Of the last record that a former process has applied, unless it was told to start over since. */
function lastPosition(channel: string): string | undefined {
  const last = past.findLast(
    (record) =>
      (record.kind === "apply" || record.kind === "reset") && record.stream === `default/${channel}`,
  );
  return last?.kind === "apply" ? formatPosition(last) : undefined;
}

async function publishAlways(): Promise<void> {
  const [channel] = channels;
  for (let count = 1; isPublishing; count += 1) {
    const data = `${name}/${config.life}/${count}`;
    const val = messageValue(data);
    const stream = `default/${channel}`;
    recorder.write({ kind: "pub.invoke", op: data, stream, val, publisher: name, idem: val });
    const { position } = await client.channel(channel!).publish(data);
    recorder.write({ kind: "pub.ok", op: data, stream, ...parsePosition(position)! });
    await new Promise((resolve) => setTimeout(resolve, config.publishPauseMs));
  }
}
