import type { ServerStats } from "./server-stats.ts";

/** What the server says about itself, in one line. */
export function ServerLine({ stats }: { readonly stats: ServerStats | undefined }) {
  if (stats === undefined) return null;
  const counts = [
    count(stats.connections, "connection"),
    count(stats.channels, "channel"),
    `${stats.executionsRunning} running`,
    `up ${uptimeText(stats.uptimeSecs)}`,
  ];
  return (
    <footer class="server-line" data-testid="server-stats">
      <p>
        Tachikoma {stats.serverVersion}
        {stats.nodeId !== "" && (
          <>
            {" on "}
            <span class="mono">{stats.nodeId}</span>
          </>
        )}
      </p>
      <p>{counts.join(" · ")}</p>
    </footer>
  );
}

function count(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? "" : "s"}`;
}

export function uptimeText(uptimeSecs: number): string {
  const secs = Math.floor(uptimeSecs);
  if (secs < 60) return `${secs} s`;
  if (secs < 3_600) return `${Math.floor(secs / 60)} min`;
  if (secs < 86_400) return `${Math.floor(secs / 3_600)} h`;
  return `${Math.floor(secs / 86_400)} d`;
}
