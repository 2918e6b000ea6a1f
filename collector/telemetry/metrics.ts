import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { DestinationStats } from "../../exporters/types.js";
import type { ItemCounts, JournalStats } from "../../journal/index.js";
import { JOURNAL_SIGNALS, type JournalSignal } from "../../schema/index.js";
import type { Admission } from "../ingest/admission.js";
import type { Pace } from "../ingest/pace.js";
import type { EventLoopStats } from "./event-loop.js";
import type { ReceiverCounters, ReceiverOutcome } from "./receiver-counters.js";

/** Where the figures come from; read when Prometheus asks. */
export interface MetricSources {
  readonly receivers: ReceiverCounters;
  readonly admission: Admission;
  readonly pace: Pace;
  readonly journal: () => JournalStats;
  readonly destinations: () => readonly DestinationStats[];
  readonly eventLoop: () => EventLoopStats;
}

/** What the Collector calls the items of each signal in metric names. */
const NOUNS: Readonly<Record<JournalSignal, string>> = {
  traces: "spans",
  logs: "log_records",
  metrics: "metric_points",
  records: "records",
};

/** Upper bounds in seconds: an fdatasync takes 0.2 ms on a good disk and seconds on a sick one. */
const APPEND_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

type Line = readonly [labels: Record<string, string>, value: number];

/** Prometheus metrics with the OpenTelemetry Collector's names under our prefix, plus those of the process. */
export function createMetrics(sources: MetricSources): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  receiverMetrics(registry, sources);
  exporterMetrics(registry, sources);
  journalMetrics(registry, sources);
  processMetrics(registry, sources);
  const append = new Histogram({
    name: "counterfoil_journal_append_duration_seconds",
    help: "From handing a request to the journal until it is on disk (group fdatasync).",
    buckets: APPEND_BUCKETS,
    registers: [registry],
  });
  sources.receivers.onAppend = (seconds) => append.observe(seconds);
  return registry;
}

interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly lines: () => readonly Line[];
}

function counter(registry: Registry, definition: Definition): void {
  const { name, help, labels = [], lines } = definition;
  const metric = new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      for (const [values, amount] of lines()) this.inc(values, amount);
    },
  });
  void metric;
}

function gauge(registry: Registry, definition: Definition): void {
  const { name, help, labels = [], lines } = definition;
  const metric = new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      for (const [values, amount] of lines()) this.set(values, amount);
    },
  });
  void metric;
}

function receiverMetrics(registry: Registry, { receivers, admission, pace }: MetricSources): void {
  const outcomes: Readonly<Record<ReceiverOutcome, string>> = {
    accepted: "stored durably and acknowledged",
    refused: "refused: invalid, or back-pressure",
    failed: "not stored because of a failure of ours",
  };
  for (const signal of JOURNAL_SIGNALS) {
    for (const [outcome, meaning] of Object.entries(outcomes)) {
      counter(registry, {
        name: `counterfoil_receiver_${outcome}_${NOUNS[signal]}_total`,
        help: `${NOUNS[signal]} ${meaning}.`,
        labels: ["receiver", "transport"],
        lines: () =>
          receivers
            .list()
            .filter((line) => line.outcome === outcome && line.signal === signal)
            .map(({ receiver, transport, items }): Line => [{ receiver, transport }, items]),
      });
    }
  }
  counter(registry, {
    name: "counterfoil_receiver_requests_total",
    help: "Requests by outcome; code is the error code.",
    labels: ["receiver", "transport", "signal", "outcome", "code"],
    lines: () => receivers.list().map(({ requests, items: _items, ...labels }): Line => [labels, requests]),
  });
  counter(registry, {
    name: "counterfoil_receiver_refused_connections_total",
    help: "Connections turned away at max_connections.",
    lines: () => [[{}, receivers.connectionsRefused]],
  });
  gauge(registry, {
    name: "counterfoil_receiver_inflight_bytes",
    help: "Bytes of requests between their first byte and their answer.",
    lines: () => [[{}, admission.bytes]],
  });
  gauge(registry, {
    name: "counterfoil_receiver_paced_requests",
    help: "Requests that wait for the mirror to seal what is ahead of it.",
    lines: () => [[{}, pace.waiting]],
  });
}

type Each = (pick: (stats: DestinationStats) => readonly Line[]) => () => readonly Line[];

function exporterMetrics(registry: Registry, { destinations, journal }: MetricSources): void {
  const each: Each = (pick) => () =>
    destinations().flatMap((stats) =>
      pick(stats).map(([labels, value]): Line => [{ exporter: stats.name, ...labels }, value]),
    );
  itemMetrics(registry, each);
  queueMetrics(registry, each, journal);
}

/** The account of each exporter, by signal. */
function itemMetrics(registry: Registry, each: Each): void {
  const byName = (
    label: string,
    counts: Readonly<Record<string, ItemCounts>>,
    signal: JournalSignal,
  ): readonly Line[] =>
    Object.entries(counts).map(([name, items]): Line => [{ [label]: name }, items[signal]]);
  for (const signal of JOURNAL_SIGNALS) {
    const noun = NOUNS[signal];
    const define = (
      name: string,
      help: string,
      label: string | undefined,
      lines: () => readonly Line[],
    ): void =>
      counter(registry, {
        name: `counterfoil_exporter_${name}_${noun}_total`,
        help,
        labels: label === undefined ? ["exporter"] : ["exporter", label],
        lines,
      });
    define(
      "sent",
      `${noun} delivered.`,
      undefined,
      each((stats) => [[{}, stats.delivered[signal]]]),
    );
    define(
      "send_failed",
      `${noun} given up: the sum of the dead letters.`,
      undefined,
      each((stats) => [[{}, Object.values(stats.deadLetter).reduce((sum, items) => sum + items[signal], 0)]]),
    );
    define(
      "filtered",
      `${noun} dropped on purpose, by rule.`,
      "rule",
      each((stats) => byName("rule", stats.filtered, signal)),
    );
    define(
      "dead_letter",
      `${noun} given up, by reason.`,
      "reason",
      each((stats) => byName("reason", stats.deadLetter, signal)),
    );
    gauge(registry, {
      name: `counterfoil_exporter_waiting_${noun}`,
      help: `${noun} in the journal that the exporter has not settled yet.`,
      labels: ["exporter"],
      lines: each((stats) => [[{}, stats.waiting[signal]]]),
    });
  }
}

function queueMetrics(registry: Registry, each: Each, journal: () => JournalStats): void {
  gauge(registry, {
    name: "counterfoil_exporter_queue_size",
    help: "Journal records (requests) that the exporter has not settled yet.",
    labels: ["exporter"],
    lines: each((stats) => [[{}, Math.max(0, journal().durableSeq - stats.cursorSeq)]]),
  });
  gauge(registry, {
    name: "counterfoil_exporter_queue_capacity",
    help: "Journal records that fit below the journal's size cap at their present average size.",
    labels: ["exporter"],
    lines: each(() => [[{}, recordCapacity(journal())]]),
  });
  counter(registry, {
    name: "counterfoil_exporter_requests_total",
    help: "Requests to the destination (files for the mirror).",
    labels: ["exporter", "outcome"],
    lines: each(({ requests }) => [
      [{ outcome: "sent" }, requests.sent],
      [{ outcome: "failed" }, requests.failed],
    ]),
  });
  gauge(registry, {
    name: "counterfoil_exporter_state",
    help: "1 for the state that the exporter is in.",
    labels: ["exporter", "state"],
    lines: each(({ state }) => [[{ state }, 1]]),
  });
}

function recordCapacity({ bytes, bytesMax, firstSeq, durableSeq }: JournalStats): number {
  const records = durableSeq - firstSeq + 1;
  return records <= 0 || bytes === 0 ? 0 : Math.floor((bytesMax * records) / bytes);
}

function journalMetrics(registry: Registry, { journal }: MetricSources): void {
  const gauges: Readonly<Record<string, [help: string, value: (stats: JournalStats) => number]>> = {
    size_bytes: ["Bytes of the journal on disk.", (stats) => stats.bytes],
    capacity_bytes: ["Cap of the journal, bytes.", (stats) => stats.bytesMax],
    segments: ["Files of the journal.", (stats) => stats.segments],
    first_seq: ["Oldest record still there.", (stats) => stats.firstSeq],
    durable_seq: ["Newest record on disk.", (stats) => stats.durableSeq],
    pending_bytes: ["Bytes waiting for the next group commit.", (stats) => stats.pendingBytes],
  };
  for (const [name, [help, value]] of Object.entries(gauges)) {
    gauge(registry, { name: `counterfoil_journal_${name}`, help, lines: () => [[{}, value(journal())]] });
  }
  counter(registry, {
    name: "counterfoil_journal_failed_syncs_total",
    help: "Writes or syncs of the journal that failed.",
    lines: () => [[{}, journal().failedSyncs]],
  });
  gauge(registry, {
    name: "counterfoil_journal_cursor",
    help: "Record up to which each destination needs nothing any more.",
    labels: ["exporter"],
    lines: () => Object.entries(journal().cursors).map(([exporter, seq]): Line => [{ exporter }, seq]),
  });
}

/** The Collector's names for the process itself, so that its dashboards show it. */
function processMetrics(registry: Registry, { eventLoop }: MetricSources): void {
  counter(registry, {
    name: "counterfoil_process_uptime_seconds_total",
    help: "Time since the process started.",
    lines: () => [[{}, process.uptime()]],
  });
  counter(registry, {
    name: "counterfoil_process_cpu_seconds_total",
    help: "Processor time of user and system, all threads.",
    lines: () => {
      const { user, system } = process.cpuUsage();
      return [[{}, (user + system) / 1e6]];
    },
  });
  gauge(registry, {
    name: "counterfoil_process_memory_rss_bytes",
    help: "Memory of the process that is in RAM.",
    lines: () => [[{}, process.memoryUsage.rss()]],
  });
  gauge(registry, {
    name: "counterfoil_process_runtime_heap_alloc_bytes",
    help: "Bytes of JavaScript objects in the main thread's heap.",
    lines: () => [[{}, process.memoryUsage().heapUsed]],
  });
  gauge(registry, {
    name: "counterfoil_process_event_loop_delay_max_seconds",
    help: "Longest time in the last minute for which the main thread was held at a stretch.",
    lines: () => [[{}, eventLoop().delayMsMaxLastMinute / 1_000]],
  });
  counter(registry, {
    name: "counterfoil_process_event_loop_stalls_total",
    help: "Seconds in which the main thread was held for more than 100 ms at a stretch.",
    lines: () => [[{}, eventLoop().stalls]],
  });
}
