import type { DeliveryConfig, ExporterConfig } from "../../exporters/destination-types.js";
import { type LangSmithRecordsConfig, PUSHED_RECORDS } from "../../exporters/langsmith/push/types.js";
import type { FilterRule, ProcessorConfig, ValueMatch } from "../../exporters/processors/index.js";
import type { ExporterDocument, ProcessorDocument } from "./schema.js";
import { durationMs, sizeBytes } from "./units.js";

type SettingsOf<D extends { type: string; settings: unknown }, T extends D["type"]> = Extract<
  D,
  { type: T }
>["settings"];

/** A processor's settings as its runtime takes them. */
export function buildProcessor(id: string, { type, settings }: ProcessorDocument): ProcessorConfig {
  switch (type) {
    case "filter":
      return { id, type, keepAncestors: settings.keep_ancestors, rules: settings.drop.map(buildRule) };
    case "attributes":
      return {
        id,
        type,
        target: settings.target,
        actions: settings.actions.map(({ from_attribute: fromAttribute, action, key, value, pattern }) => ({
          action,
          key,
          ...(value === undefined ? {} : { value }),
          ...(pattern === undefined ? {} : { pattern }),
          ...(fromAttribute === undefined ? {} : { fromAttribute }),
        })),
      };
    case "redaction":
      return {
        id,
        type,
        keyPatterns: settings.key_patterns,
        valuePatterns: settings.value_patterns,
        replacement: settings.replacement,
      };
  }
}

type Rule = SettingsOf<ProcessorDocument, "filter">["drop"][number];
type Match = NonNullable<Rule["name"]>;

function buildRule(rule: Rule, index: number): FilterRule {
  return {
    name: rule.rule ?? String(index),
    ...(rule.signals === undefined ? {} : { signals: rule.signals }),
    ...(rule.name === undefined ? {} : { itemName: buildMatch(rule.name) }),
    ...(rule.kinds === undefined ? {} : { kinds: rule.kinds }),
    ...(rule.attributes === undefined ? {} : { attributes: buildMatches(rule.attributes) }),
    ...(rule.resource === undefined ? {} : { resource: buildMatches(rule.resource) }),
  };
}

function buildMatches(matches: Readonly<Record<string, Match>>): Record<string, ValueMatch> {
  return Object.fromEntries(Object.entries(matches).map(([key, match]) => [key, buildMatch(match)]));
}

function buildMatch(match: Match): ValueMatch {
  if (typeof match !== "object") return { equals: String(match) };
  return {
    ...(match.equals === undefined ? {} : { equals: String(match.equals) }),
    ...(match.matches === undefined ? {} : { matches: match.matches }),
    ...(match.exists === undefined ? {} : { exists: match.exists }),
  };
}

/** An exporter's own settings; undefined for the mirror, which is no exporter of this kind. */
export function buildExporter({ type, settings }: ExporterDocument): ExporterConfig | undefined {
  switch (type) {
    case "mirror":
      return undefined;
    case "file":
      return {
        type,
        path: settings.path,
        rotateBytes: sizeBytes(settings.rotation.max_size),
        filesMax: settings.rotation.max_files,
      };
    case "otlp_http":
      return buildOtlpHttp(settings);
    case "langsmith":
      return buildLangSmith(settings);
  }
}

function buildOtlpHttp(settings: SettingsOf<ExporterDocument, "otlp_http">): ExporterConfig {
  const { traces_endpoint: traces, logs_endpoint: logs, metrics_endpoint: metrics } = settings;
  return {
    type: "otlp_http",
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    endpoints: {
      ...(traces === undefined ? {} : { traces }),
      ...(logs === undefined ? {} : { logs }),
      ...(metrics === undefined ? {} : { metrics }),
    },
    headers: settings.headers,
    compression: settings.compression,
    timeoutMs: durationMs(settings.timeout),
  };
}

/** Whether an exporter's policy lets spans go out; only LangSmith's has one. */
export function pushesSpans({ type, settings }: ExporterDocument): boolean {
  return type !== "langsmith" || settings.push.includes("spans");
}

/** The records of a `langsmith` exporter, when its policy names any. */
export function buildRecords({ type, settings }: ExporterDocument): LangSmithRecordsConfig | undefined {
  if (type !== "langsmith") return undefined;
  const push = PUSHED_RECORDS.filter((name) => settings.push.includes(name));
  if (push.length === 0) return undefined;
  const { workspace_id: workspaceId } = settings;
  return {
    type: "langsmith_records",
    endpoint: settings.endpoint,
    apiKey: settings.api_key,
    ...(workspaceId === undefined ? {} : { workspaceId }),
    timeoutMs: durationMs(settings.timeout),
    push,
  };
}

function buildLangSmith(settings: SettingsOf<ExporterDocument, "langsmith">): ExporterConfig {
  const { workspace_id: workspaceId, trace_wait: traceWait, orphan_wait: orphanWait } = settings;
  return {
    type: "langsmith",
    mode: settings.mode === "native" ? "native" : "translate",
    endpoint: settings.endpoint,
    apiKey: settings.api_key,
    ...(workspaceId === undefined ? {} : { workspaceId }),
    project: settings.project,
    projects: settings.projects.map(({ match, project }) => ({
      project,
      match: {
        ...(match.service_name === undefined ? {} : { serviceName: match.service_name }),
        ...(match.environment === undefined ? {} : { environment: match.environment }),
        ...(match.attributes === undefined ? {} : { attributes: match.attributes }),
      },
    })),
    compression: settings.compression,
    timeoutMs: durationMs(settings.timeout),
    ...(traceWait === undefined ? {} : { traceWaitMs: durationMs(traceWait) }),
    ...(orphanWait === undefined ? {} : { orphanWaitMs: durationMs(orphanWait) }),
  };
}

/** How an exporter batches, retries and paces. */
export function buildDelivery({ type, settings }: ExporterDocument): DeliveryConfig {
  if (type === "mirror") return {};
  const { retry_on_failure: retry, batch, sending_queue: queue } = settings;
  return {
    retry: {
      initialMs: durationMs(retry.initial_interval),
      multiplier: retry.multiplier,
      maxMs: durationMs(retry.max_interval),
      maxElapsedMs: durationMs(retry.max_elapsed_time),
    },
    batch: {
      itemsMax: batch.max_items,
      bytesMax: sizeBytes(batch.max_size),
      flushIntervalMs: durationMs(batch.flush_interval),
    },
    concurrency: queue.num_consumers,
    ...(queue.max_size === undefined ? {} : { pendingBytesMax: sizeBytes(queue.max_size) }),
    startAt: settings.start_at,
  };
}
