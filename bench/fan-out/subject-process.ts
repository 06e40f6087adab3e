// The server under measurement, in a process of its own, so that its CPU time is nobody else's.
import { startPlainWs } from "./plain-ws.ts";
import type { Scenario, Subject, SubjectName, Usage } from "./scenario.ts";
import { startSocketIo } from "./socket-io.ts";
import { startTachikoma } from "./tachikoma.ts";

export type Order = { readonly order: "begin"; readonly scenario: Scenario } | { readonly order: "usage" };

function start(name: SubjectName, folder: string): Promise<Subject> {
  switch (name) {
    case "ws":
      return startPlainWs();
    case "socket.io":
      return startSocketIo();
    case "tachikoma-memory":
      return startTachikoma("memory", folder);
    case "tachikoma-sqlite":
      return startTachikoma("sqlite", folder);
  }
}

const subject = await start(process.argv[2] as SubjectName, process.argv[3] ?? "");
let before = process.cpuUsage();
process.on("message", (order: Order) => {
  if (order.order === "begin") {
    before = process.cpuUsage();
    subject.begin?.(order.scenario);
    process.send?.({ begun: true });
    return;
  }
  const { user, system } = process.cpuUsage(before);
  const usage: Usage = { cpuMicros: user + system, rssBytes: process.memoryUsage.rss() };
  process.send?.(usage);
});
process.send?.({ url: subject.url });
