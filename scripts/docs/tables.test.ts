import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { EXIT_CODE_MEANINGS } from "../../packages/server/src/cli/exit-code.ts";
import { CPU_SECONDS_METRIC, SERVER_METRICS } from "../../packages/server/src/metrics/server-metrics.ts";
import { markedPart, tableRows } from "./table-rows.mjs";

function readPage(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

const operating = readPage("docs/operating.md");
const architecture = readPage("ARCHITECTURE.md");

describe("docs/operating.md", () => {
  test("lists every metric with its type, labels and meaning", () => {
    const specs: readonly { name: string; type: string; help: string; labels?: readonly string[] }[] = [
      ...Object.values(SERVER_METRICS),
      CPU_SECONDS_METRIC,
    ];
    const expected = specs.map(({ name, type, help, labels = [] }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
    ]);
    expect(tableRows(markedPart(operating, "metrics"))).toEqual(expected);
  });

  test("lists every exit code", () => {
    const expected = EXIT_CODE_MEANINGS.map(([code, meaning]) => [String(code), meaning]);
    expect(tableRows(markedPart(operating, "exit-codes"))).toEqual(expected);
  });

  test("names only metrics that exist", () => {
    const own = [...Object.values(SERVER_METRICS), CPU_SECONDS_METRIC].map(({ name }) => name);
    // Of the processes of a server with workers, made where their pages are put together.
    const names = new Set([...own, "tachikoma_worker_up"]);
    const mentioned = operating.match(/\b(?:tachikoma|process|nodejs)_[a-z]+_[a-z_0-9]+/g) ?? [];
    expect(mentioned.filter((name) => !names.has(name as never))).toEqual([]);
  });
});

/** A row of the tables in section 10, the source that knows better, and how the row writes what is found there. */
interface FixedLimit {
  readonly row: string;
  readonly file: string;
  readonly patterns: readonly RegExp[];
  readonly shown: (...values: number[]) => string;
}

const core = "packages/server/src/core";
const sqlite = "packages/server/src/stores/sqlite";

const FIXED_LIMITS: readonly FixedLimit[] = [
  {
    row: "hot records per open log",
    file: "packages/server/src/server-parts.ts",
    patterns: [/RING = \{ maxRecords: ([\d_]+)/, /RING = \{.*maxBytes: ([\d_ *]+)/],
    shown: (records, bytes) => `${count(records!)} records or ${size(bytes!)}`,
  },
  {
    row: "hot records of the node",
    file: "packages/server/src/server-parts.ts",
    patterns: [constant("MAX_HOT_BYTES")],
    shown: (bytes) => size(bytes!),
  },
  {
    row: "records read at once for one cursor",
    file: `${core}/session-server.ts`,
    patterns: [
      /HISTORY_LIMITS = \{.*maxRecords: ([\d_]+)/,
      /HISTORY_LIMITS = \{.*maxBytes: ([\d_ *]+)/,
      /HISTORY_LIMITS = \{.*maxConcurrentReads: ([\d_]+)/,
    ],
    shown: (records, bytes, reads) => `${count(records!)} or ${size(bytes!)}; ${reads} reads at a time`,
  },
  {
    row: "text of one merged delta",
    file: `${core}/delivery/page.ts`,
    patterns: [constant("MAX_MERGED_CHARS")],
    shown: (chars) => `${count(chars! / 1024)} Ki characters`,
  },
  {
    row: "records of one page, however well they merge",
    file: `${core}/delivery/page.ts`,
    patterns: [constant("MAX_RECORDS_PER_PAGE")],
    shown: (records) => count(records!),
  },
  {
    row: "requests of one connection under way",
    file: "packages/server/src/server-parts.ts",
    patterns: [constant("MAX_PENDING_REQUESTS")],
    shown: (requests) => count(requests!),
  },
  {
    row: "messages of one socket read that wait",
    file: `${core}/connection/inbound.ts`,
    patterns: [constant("MAX_QUEUED_MESSAGES")],
    shown: (messages) => count(messages!),
  },
  {
    row: "channels that one request for events names",
    file: "packages/server/src/gateway/sse/event-request.ts",
    patterns: [constant("MAX_EVENT_CHANNELS")],
    shown: (channels) => count(channels!),
  },
  {
    row: "messages of one post",
    file: "packages/server/src/gateway/http/command-routes.ts",
    patterns: [constant("MAX_POSTED_MESSAGES")],
    shown: (messages) => count(messages!),
  },
  {
    row: "what a post may be larger than one message",
    file: "packages/server/src/gateway/http/command-routes.ts",
    patterns: [constant("GATHERED_BYTES")],
    shown: (bytes) => size(bytes!),
  },
  {
    row: "posts that wait for one connection",
    file: `${core}/connection/posted-messages.ts`,
    patterns: [constant("MAX_WAITING_POSTS")],
    shown: (posts) => count(posts!),
  },
  {
    row: "a post for a connection of another node",
    file: `${core}/connection/posted-messages.ts`,
    patterns: [constant("MAX_FORWARDED_CHARS")],
    shown: (chars) => `${chars! / 1024} Ki characters`,
  },
  {
    row: "posts on their way to other nodes",
    file: `${core}/connection/posted-messages.ts`,
    patterns: [constant("MAX_FORWARDED_CHARS_AT_ONCE")],
    shown: (chars) => `${chars! / 1024 ** 2} Mi characters`,
  },
  {
    row: "chunks of an execution ahead of the store",
    file: `${core}/execution/chunk-writer.ts`,
    patterns: [constant("MAX_PENDING_CHUNKS"), constant("MAX_PENDING_CHARS")],
    shown: (records, chars) => `${count(records!)} or ${count(chars! / 1024 ** 2)} Mi characters`,
  },
  {
    row: "calls that wait for SQLite or Redis",
    file: `${sqlite}/sqlite-store.ts`,
    patterns: [/maxQueuedCalls \?\? ([\d_]+)/, /maxQueuedBytes \?\? ([\d_ *]+)/],
    shown: (calls, bytes) => `${count(calls!)} or ${size(bytes!)}`,
  },
  {
    row: "sessions, receipts and keys that one slice of a sweep removes",
    file: `${sqlite}/sqlite-sweep.ts`,
    patterns: [constant("MAX_ROWS")],
    shown: (rows) => `${count(rows!)} of each`,
  },
  {
    row: "rows of records that one slice of a sweep removes",
    file: `${sqlite}/sqlite-sweep.ts`,
    patterns: [constant("MAX_PIECES"), constant("MAX_PIECE_BYTES")],
    shown: (rows, bytes) => `${count(rows!)} or ${size(bytes!)}`,
  },
  {
    row: "rows of records that one commit trims",
    file: `${sqlite}/log-writer.ts`,
    patterns: [constant("MAX_TRIMMED_PIECES"), constant("MAX_TRIMMED_BYTES"), constant("MIN_TRIMMED_PIECES")],
    shown: (rows, bytes, least) => `${count(rows!)} or ${size(bytes!)}, and ${least} of each log in any case`,
  },
  {
    row: "space that one slice of a sweep gives back to the disk",
    file: `${sqlite}/free-space.ts`,
    patterns: [constant("MAX_PAGES_PER_SLICE")],
    shown: (pages) => `${count(pages!)} pages (${size(pages! * 4096)})`,
  },
  {
    row: "write-ahead log of SQLite",
    file: `${sqlite}/write-ahead-log.ts`,
    patterns: [constant("MAX_WAL_BYTES")],
    shown: (bytes) => size(bytes!),
  },
  {
    row: "SQLite file that is looked through at the start",
    file: `${sqlite}/database-integrity.ts`,
    patterns: [constant("MAX_CHECKED_BYTES")],
    shown: (bytes) => size(bytes!),
  },
  {
    row: "inbox",
    file: `${core}/namespace.ts`,
    patterns: [constant("INBOX_MAX_RECORDS"), constant("INBOX_MAX_BYTES")],
    shown: (records, bytes) => `${count(records!)} records or ${size(bytes!)}, as old as a session may be`,
  },
  {
    row: "look at the heads of followed logs, and at the own letters",
    file: `${core}/cluster/log-follower.ts`,
    patterns: [constant("HEAD_CHECK_INTERVAL_MS")],
    shown: (ms) => `every ${ms! / 1_000} s`,
  },
  {
    row: "look at the owner of an execution that owes an answer",
    file: `${core}/execution/remote-commands.ts`,
    patterns: [constant("RECHECK_MS")],
    shown: (ms) => `every ${ms! / 1_000} s`,
  },
  {
    row: "presence grace after a lost connection",
    file: "packages/server/src/server-parts.ts",
    patterns: [constant("PRESENCE_LEAVE_AFTER_MS")],
    shown: (ms) => `${ms! / 1_000} s`,
  },
  {
    row: "execution lease, renewed at a third of it",
    file: "packages/server/src/config/sections/cluster.ts",
    patterns: [/leaseTtlSecs: withDefault\(\s*(\d+)/],
    shown: (secs) => `${secs} s`,
  },
  {
    row: "duration of an execution, where nothing else is set",
    file: "packages/server/src/server-parts.ts",
    patterns: [constant("MAX_DURATION_MS")],
    shown: (ms) => `${ms! / 3_600_000} h`,
  },
  {
    row: "handlers that do not listen to their signal, at shutdown",
    file: `${core}/execution/execution-service.ts`,
    patterns: [constant("HANDLER_SETTLE_MS")],
    shown: (ms) => `waited for ${ms! / 1_000} s`,
  },
  {
    row: "closing handshake of a WebSocket",
    file: "packages/server/src/gateway/websocket-gateway.ts",
    patterns: [constant("CLOSE_TIMEOUT_MS")],
    shown: (ms) => `${ms! / 1_000} s`,
  },
  {
    row: "reading of the last event of a stream",
    file: "packages/server/src/gateway/sse/event-gateway.ts",
    patterns: [constant("CLOSE_TIMEOUT_MS")],
    shown: (ms) => `${ms! / 1_000} s`,
  },
  {
    row: "answer to a post for a connection of another node",
    file: `${core}/connection/posted-messages.ts`,
    patterns: [constant("ANSWER_TIMEOUT_MS")],
    shown: (ms) => `${ms! / 1_000} s`,
  },
  {
    row: "final receipt that a request waits for",
    file: "packages/server/src/gateway/http/command-routes.ts",
    patterns: [constant("MAX_WAIT_MS")],
    shown: (ms) => `${ms! / 1_000} s`,
  },
  {
    row: "one post of our client",
    file: "packages/client/src/sse/outbox.ts",
    patterns: [constant("POST_TIMEOUT_MS")],
    shown: (ms) => `${ms! / 1_000} s`,
  },
  {
    row: "HTTP requests under way at shutdown",
    file: "packages/server/src/create-server.ts",
    patterns: [constant("CLOSE_SOCKETS_AFTER_MS")],
    shown: (ms) => `${ms! / 1_000} s`,
  },
  {
    row: "receipts and idempotency keys",
    file: `${core}/session-server.ts`,
    patterns: [constant("RECEIPT_TTL_MS")],
    shown: (ms) => `remembered ${ms! / 3_600_000} h`,
  },
  {
    row: "receipts and idempotency keys",
    file: `${core}/housekeeping.ts`,
    patterns: [constant("IDEMPOTENCY_MS")],
    shown: (ms) => `remembered ${ms! / 3_600_000} h`,
  },
  {
    row: "identity of an empty, idle log",
    file: `${core}/housekeeping.ts`,
    patterns: [constant("IDLE_LOG_MS")],
    shown: (ms) => `kept ${ms! / 86_400_000} days at least`,
  },
  {
    row: "sweep of what has outlived its time",
    file: `${core}/housekeeping.ts`,
    patterns: [constant("TIDY_INTERVAL_MS"), constant("SLICE_PAUSE_MS")],
    shown: (ms, pauseMs) => `every ${ms! / 1_000} s, in slices with ${pauseMs} ms between`,
  },
  {
    row: "between two writes to one connection",
    file: `${core}/flush-window.ts`,
    patterns: [constant("MAX_WINDOW_MS")],
    shown: (ms) => `0 below half load, up to ${ms} ms at overload (\`core/flush-window.ts\`)`,
  },
  {
    row: "between two appends of one execution",
    file: `${core}/execution/append-pace.ts`,
    patterns: [constant("MIN_COLLECT_MS"), constant("MAX_BUSY_COLLECT_MS")],
    shown: (least, most) =>
      `what three chunks take, ${least} ms to \`limits.max_collect_ms\`; four and up to ${most} ms on a busy node; more where the store asks for it (\`core/execution/append-pace.ts\`)`,
  },
];

describe("ARCHITECTURE.md, section 10", () => {
  const section = architecture.slice(
    architecture.indexOf("## 10. Limits, timers, retries"),
    architecture.indexOf("## 11."),
  );
  const rows = new Map(tableRows(section).map(([name, value]) => [name, value]));

  test.each(FIXED_LIMITS)("$row is what $file says", ({ row, file, patterns, shown }) => {
    const source = readPage(file);
    const values = patterns.map((pattern) => {
      const found = pattern.exec(source)?.[1];
      expect(found, `${file} has nothing like ${pattern}`).toBeDefined();
      return product(found!);
    });
    expect(rows.get(row)).toBe(shown(...values));
  });

  test("closing of logs nobody reads follows two constants", () => {
    const idleMs = valueIn(`${core}/session-server.ts`, constant("CLOSE_IDLE_LOG_AFTER_MS"));
    const intervalMs = valueIn(`${core}/housekeeping.ts`, constant("TIDY_INTERVAL_MS"));
    expect(rows.get("closing of logs nobody reads")).toBe(
      `after ${idleMs / 1_000} s, looked for every ${intervalMs / 1_000} s`,
    );
  });

  test("the tries to store a terminal record are counted and added up", () => {
    const source = readPage(`${core}/execution/execution.ts`);
    const pauses = /END_RETRY_MS = \[([^\]]+)\]/.exec(source)![1]!.split(",").map(product);
    const totalSecs = Math.round(pauses.reduce((sum, ms) => sum + ms, 0) / 1_000);
    const said = rows.get("terminal record while the store is away (`execution.ts`)");
    expect(said).toMatch(new RegExp(`^${pauses.length + 1} tries over about ${totalSecs} s;`));
  });

  test("the retries of a model endpoint are those of its policy", () => {
    const source = "packages/server/src/executions/backends/retry-decision.ts";
    const attempts = valueIn(source, /maxAttempts: ([\d_]+)/);
    const totalMs = valueIn(source, /maxTotalWaitMs: ([\d_]+)/);
    const said = rows.get("upstream model, before the first token only (`backends/retry-decision.ts`)");
    expect(said).toBe(`${attempts} attempts, full jitter, ${totalMs / 1_000} s of waiting in all`);
  });

  test("the client's back-off has the bound of its options", () => {
    const maxDelayMs = valueIn("packages/client/src/options.ts", /BACK_OFF:.*maxDelayMs: ([\d_]+)/);
    const said = rows.get("client reconnect (`client/src/connection/back-off.ts`)");
    expect(said).toContain(`full jitter up to ${maxDelayMs / 1_000} s,`);
  });

  test("a lease is renewed and let go in thirds", () => {
    const leaseSecs = valueIn(
      "packages/server/src/config/sections/cluster.ts",
      /leaseTtlSecs: withDefault\(\s*(\d+)/,
    );
    const said = `every ${leaseSecs / 3} s; self-fenced after ${(leaseSecs * 2) / 3} s without a confirmation`;
    expect(rows.get("lease renewal")).toBe(said);
  });
});

function constant(name: string): RegExp {
  return new RegExp(`\\b${name} = ([\\d_ *]+);`);
}

function valueIn(file: string, pattern: RegExp): number {
  const found = pattern.exec(readPage(file))?.[1];
  if (found === undefined) throw new Error(`${file} has nothing like ${pattern}`);
  return product(found);
}

/** A number as sources write it: `65_536`, `64 * 1024 * 1024`. */
function product(text: string): number {
  return text
    .split("*")
    .map((factor) => Number(factor.replaceAll("_", "").trim()))
    .reduce((left, right) => left * right);
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function size(bytes: number): string {
  return bytes >= 1024 ** 2 ? `${bytes / 1024 ** 2} MiB` : `${bytes / 1024} KiB`;
}
