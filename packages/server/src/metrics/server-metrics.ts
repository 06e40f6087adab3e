/** All metrics of a server in one table, from which the documentation is made too. */
import type { LoadProbe } from "../platform/load-probe.ts";
import type { Family } from "./family.ts";
import type { Counter, Gauge, Histogram } from "./instruments.ts";
import { MetricRegistry } from "./registry.ts";

interface MetricSpec {
  readonly type: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly bounds?: readonly number[];
}

/** From a tenth of a millisecond to ten seconds: an append to memory, to disk, across a network, and to one that hangs. */
const APPEND_SECONDS_BOUNDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/** From what one hop on a loopback takes to the longest wait for a periodic head check. */
const WAKE_UP_SECONDS_BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

export const SERVER_METRICS = {
  connections: {
    type: "gauge",
    name: "tachikoma_connections",
    help: "Connections that are open now.",
  },
  connectionsOpened: {
    type: "counter",
    name: "tachikoma_connections_total",
    help: "Connections that were opened.",
  },
  sessionsResumed: {
    type: "counter",
    name: "tachikoma_sessions_resumed_total",
    help: "Attempts to resume a session, by outcome.",
    labels: ["outcome"],
  },
  upgradesRefused: {
    type: "counter",
    name: "tachikoma_refused_upgrades_total",
    help: "Upgrades that were refused before a connection was made, by reason.",
    labels: ["reason"],
  },
  upgradesShed: {
    type: "counter",
    name: "tachikoma_shed_upgrades_total",
    help: "Upgrades that were refused because the server had too much to do, by the measure that was beyond its limit.",
    labels: ["reason"],
  },
  admissionLevel: {
    type: "gauge",
    name: "tachikoma_admission_level",
    help: "0 lets everyone in, 1 only who resumes a session, 2 nobody.",
  },
  messagesReceived: {
    type: "counter",
    name: "tachikoma_messages_received_total",
    help: "Messages from clients, by type.",
    labels: ["type"],
  },
  recordsAppended: {
    type: "counter",
    name: "tachikoma_records_appended_total",
    help: "Records written to logs, by type.",
    labels: ["type"],
  },
  framesSent: {
    type: "counter",
    name: "tachikoma_frames_sent_total",
    help: "Messages written to connections.",
  },
  bytesSent: {
    type: "counter",
    name: "tachikoma_bytes_sent_total",
    help: "Bytes written to connections, framing included.",
  },
  recordsDelivered: {
    type: "counter",
    name: "tachikoma_records_delivered_total",
    help: "Records written to connections, each counted once per subscriber.",
  },
  deliveriesMerged: {
    type: "counter",
    name: "tachikoma_deliveries_merged_total",
    help: "Records that were delivered inside a merged chunk and not in a message of their own.",
  },
  resets: {
    type: "counter",
    name: "tachikoma_resets_total",
    help: "Resets sent to subscribers, by reason.",
    labels: ["reason"],
  },
  executionsRunning: {
    type: "gauge",
    name: "tachikoma_executions_running",
    help: "Executions that run on this node now.",
  },
  executionsEnded: {
    type: "counter",
    name: "tachikoma_executions_total",
    help: "Executions that ended, by outcome.",
    labels: ["outcome"],
  },
  appendSeconds: {
    type: "histogram",
    name: "tachikoma_append_seconds",
    help: "Time from an append to its confirmation by the store.",
    bounds: APPEND_SECONDS_BOUNDS,
  },
  flushWindowSeconds: {
    type: "gauge",
    name: "tachikoma_flush_window_seconds",
    help: "How long deliveries wait for company; 0 while the server is idle.",
  },
  eventLoopUtilization: {
    type: "gauge",
    name: "tachikoma_eventloop_utilization",
    help: "Share of the last window in which the event loop was working, 0 to 1.",
  },
  storeErrors: {
    type: "counter",
    name: "tachikoma_store_errors_total",
    help: "Store operations that failed.",
  },
  errorsSent: {
    type: "counter",
    name: "tachikoma_errors_sent_total",
    help: "Errors sent to clients, by code.",
    labels: ["code"],
  },
  channelsOpen: {
    type: "gauge",
    name: "tachikoma_channels_open",
    help: "Channels held open on this node.",
  },
  hotBytes: {
    type: "gauge",
    name: "tachikoma_hot_bytes",
    help: "Bytes of recent records held in memory.",
  },
  cursors: {
    type: "gauge",
    name: "tachikoma_cursors",
    help: "Subscriptions of connections to channels.",
  },
  wakeUpLagSeconds: {
    type: "histogram",
    name: "tachikoma_wake_up_lag_seconds",
    help: "Time from an append on another node to the wake-up that told this one of it.",
    bounds: WAKE_UP_SECONDS_BOUNDS,
  },
  headRepairs: {
    type: "counter",
    name: "tachikoma_head_repairs_total",
    help: "Channels that the periodic head check found to have grown without a wake-up.",
  },
  hintsLost: {
    type: "counter",
    name: "tachikoma_hints_lost_total",
    help: "Times that hints of other nodes may have been missed, and everything was looked at again.",
  },
  fencesHit: {
    type: "counter",
    name: "tachikoma_fences_hit_total",
    help: "Appends that were refused because another owner had taken the execution over.",
  },
  leasesTakenOver: {
    type: "counter",
    name: "tachikoma_leases_taken_over_total",
    help: "Executions taken over from owners that are gone, by what became of them.",
    labels: ["outcome"],
  },
  commandsForwarded: {
    type: "counter",
    name: "tachikoma_commands_forwarded_total",
    help: "Commands that went to the node that runs their execution, by kind.",
    labels: ["kind"],
  },
  sessionsTaken: {
    type: "counter",
    name: "tachikoma_sessions_taken_total",
    help: "Sessions that had a connection here when they were resumed on another node.",
  },
  storeReconnects: {
    type: "counter",
    name: "tachikoma_store_reconnects_total",
    help: "Times that the connection to the store was lost and made again.",
  },
  residentMemoryBytes: {
    type: "gauge",
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process.",
  },
  eventLoopLagSeconds: {
    type: "gauge",
    name: "nodejs_eventloop_lag_seconds",
    help: "How much later than asked timers ran in the last window, on average.",
  },
  eventLoopLagP99Seconds: {
    type: "gauge",
    name: "nodejs_eventloop_lag_p99_seconds",
    help: "How much later than asked timers ran in the last two seconds, 99th percentile.",
  },
  heapShare: {
    type: "gauge",
    name: "nodejs_heap_share",
    help: "Share of the limit of the JavaScript heap that is in use, 0 to 1.",
  },
} as const satisfies Record<string, MetricSpec>;

/** Read from the operating system, so nobody counts it. */
export const CPU_SECONDS_METRIC = {
  type: "counter",
  name: "process_cpu_seconds_total",
  help: "User and system time of the process.",
} as const satisfies MetricSpec;

type InstrumentOf<Spec extends MetricSpec> = Spec["type"] extends "counter"
  ? Counter
  : Spec["type"] extends "gauge"
    ? Gauge
    : Histogram;

type MetricOf<Spec extends MetricSpec> = Spec extends {
  readonly labels: infer Names extends readonly string[];
}
  ? Family<InstrumentOf<Spec>, Names>
  : InstrumentOf<Spec>;

type Metrics = { readonly [Key in keyof typeof SERVER_METRICS]: MetricOf<(typeof SERVER_METRICS)[Key]> };

export interface ServerMetrics extends Metrics {
  /** For the metrics of the application that the server is part of. */
  readonly registry: MetricRegistry;
  /** All metrics in Prometheus text format; see `EXPOSITION_CONTENT_TYPE`. */
  expose(): string;
}

export interface CreateServerMetricsOptions {
  /** Where the figures of the event loop come from; without it they stay 0. */
  readonly loadProbe?: LoadProbe;
}

/**
 * The metrics of one server.
 *
 * @example
 * const metrics = createServerMetrics();
 * const appended = metrics.recordsAppended.child("message");
 * appended.increment(3);
 * metrics.expose();
 */
export function createServerMetrics(options: CreateServerMetricsOptions = {}): ServerMetrics {
  const registry = new MetricRegistry();
  const metrics: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries<MetricSpec>(SERVER_METRICS))
    metrics[key] = declare(registry, spec);
  const serverMetrics = { ...(metrics as unknown as Metrics), registry, expose: () => registry.expose() };

  registry.counterFrom(CPU_SECONDS_METRIC, cpuSeconds);
  serverMetrics.residentMemoryBytes.readFrom(() => process.memoryUsage.rss());
  const { loadProbe } = options;
  if (loadProbe !== undefined) {
    serverMetrics.eventLoopUtilization.readFrom(() => loadProbe.utilization());
    serverMetrics.eventLoopLagSeconds.readFrom(() => loadProbe.delayMs() / 1000);
    serverMetrics.eventLoopLagP99Seconds.readFrom(() => loadProbe.sustained().delayP99Ms / 1000);
    serverMetrics.heapShare.readFrom(() => loadProbe.sustained().heapShare);
  }
  return serverMetrics;
}

function declare(registry: MetricRegistry, spec: MetricSpec): unknown {
  const { name, help, labels, bounds = [] } = spec;
  if (labels === undefined) {
    switch (spec.type) {
      case "counter":
        return registry.counter({ name, help });
      case "gauge":
        return registry.gauge({ name, help });
      case "histogram":
        return registry.histogram({ name, help }, bounds);
    }
  }
  switch (spec.type) {
    case "counter":
      return registry.counters({ name, help, labels });
    case "gauge":
      return registry.gauges({ name, help, labels });
    case "histogram":
      return registry.histograms({ name, help, labels }, bounds);
  }
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
