/** What the process around the server must give it. */
import { getHeapStatistics } from "node:v8";
import { type Finding, type Judgement, ok, problem, shownBytes, warning } from "./finding.ts";

const MIN_NODE = [22, 13] as const;
/** What a server opens besides its connections: store, logs, handlers, connections that are being refused. */
const OTHER_FILE_COUNT = 256;
/** A session with its connection, its channels and what waits for a slow reader, on average. */
const BYTES_PER_CONNECTION = 64 * 1024;

export interface ProcessFacts {
  /** As in `process.versions.node`. */
  readonly nodeVersion: string;
  /** `undefined` where the system has no limit, or does not tell. */
  readonly maxOpenFiles: number | undefined;
  readonly maxHeapBytes: number;
}

export function processFacts(): ProcessFacts {
  return {
    nodeVersion: process.versions.node,
    maxOpenFiles: maxOpenFiles(),
    maxHeapBytes: getHeapStatistics().heap_size_limit,
  };
}

export function processFindings(facts: ProcessFacts, maxConnections: number): Finding[] {
  return [
    { area: "process", check: "node_version", ...judgeNodeVersion(facts.nodeVersion) },
    { area: "process", check: "open_files", ...judgeOpenFiles(facts.maxOpenFiles, maxConnections) },
    { area: "process", check: "heap", ...judgeHeap(facts.maxHeapBytes, maxConnections) },
  ];
}

function judgeNodeVersion(version: string): Judgement {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [minMajor, minMinor] = MIN_NODE;
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return ok(`Node ${version}`);
  const needed = MIN_NODE.join(".");
  return problem(`Node ${version} is too old`, `install Node ${needed} or newer`);
}

function judgeOpenFiles(maxFiles: number | undefined, maxConnections: number): Judgement {
  if (maxFiles === undefined) return ok("the number of open files is not limited");
  const neededCount = maxConnections + OTHER_FILE_COUNT;
  if (maxFiles >= neededCount) {
    return ok(`${maxFiles} open files are allowed, enough for limits.max_connections = ${maxConnections}`);
  }
  return warning(
    `only ${maxFiles} open files are allowed, and limits.max_connections is ${maxConnections}`,
    `allow ${neededCount} (ulimit -n, LimitNOFILE=), or lower limits.max_connections to ${Math.max(1, maxFiles - OTHER_FILE_COUNT)}`,
  );
}

function judgeHeap(maxHeapBytes: number, maxConnections: number): Judgement {
  const heap = `the JavaScript heap may grow to ${shownBytes(maxHeapBytes)}`;
  const neededBytes = maxConnections * BYTES_PER_CONNECTION;
  if (maxHeapBytes >= neededBytes) return ok(heap);
  return warning(
    `${heap}, which may be little for limits.max_connections = ${maxConnections}`,
    "give it more (NODE_OPTIONS=--max-old-space-size=MIB), or lower limits.max_connections",
  );
}

function maxOpenFiles(): number | undefined {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  // Looking up the names of all peers would take long.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : undefined;
}
