import {
  CounterfoilError,
  decodeMessage,
  encodeOtlp,
  type InstrumentationScope,
  type LogsData,
  type MetricsData,
  type Resource,
  type ResourceLogs,
  type ResourceMetrics,
  type ResourceSpans,
  type Signal,
  type SignalData,
  type TracesData,
} from "../schema/index.js";
import type { MirrorRow } from "./mirror-row.js";
import { rowToLogRecord } from "./rows-to-otlp-logs.js";
import { addPoint } from "./rows-to-otlp-metrics.js";
import { rowToSpan } from "./rows-to-otlp-spans.js";
import { numberOf, stringOf, stringsOf } from "./rows-to-otlp-values.js";
import { plainJsonToPairs, plainJsonToValue } from "./seal/plain-json.js";

/** Resource, scope and schema URLs of a row. */
interface Surroundings {
  readonly key: string;
  readonly scopeKey: string;
  readonly resource: Resource | undefined;
  readonly schemaUrl: string;
  readonly scope: InstrumentationScope | undefined;
  readonly scopeSchemaUrl: string;
}

/**
 * The OTLP request that rows of the mirror came from: for rows in (seq, seq_index) order, the flattened list of
 * (resource, scope, record) equals that of what was received. Neighbours with equal surroundings share them.
 * Fields unknown to OTLP 1.11 are only in {@link rowsToOtlpBytes}.
 */
export function rowsToOtlp<S extends Signal>(signal: S, rows: Iterable<MirrorRow>): SignalData[S] {
  const build: { readonly [K in Signal]: (rows: Iterable<MirrorRow>) => SignalData[K] } = {
    traces: rowsToTraces,
    logs: rowsToLogs,
    metrics: rowsToMetrics,
  };
  return build[signal](rows);
}

/** The same as protobuf. Rows that kept their own bytes give exactly those, unknown fields included. */
export function rowsToOtlpBytes(signal: Signal, rows: Iterable<MirrorRow>): Uint8Array {
  const parts: Uint8Array[] = [];
  let waiting: MirrorRow[] = [];
  const flush = (): void => {
    if (waiting.length > 0) parts.push(encodeOtlp(signal, rowsToOtlp(signal, waiting)));
    waiting = [];
  };
  for (const row of rows) {
    const raw = row.blob("raw");
    if (raw === null) waiting.push(row);
    else {
      flush();
      parts.push(asRequest(raw));
    }
  }
  flush();
  return Buffer.concat(parts);
}

/** A resource-X message as the only one of a request: field 1 with its length. */
function asRequest(group: Uint8Array): Uint8Array {
  const head = [10];
  let rest = group.length;
  while (rest >= 128) {
    head.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  head.push(rest);
  return Buffer.concat([Buffer.from(head), group]);
}

function rowsToTraces(rows: Iterable<MirrorRow>): TracesData {
  const resourceSpans: ResourceSpans[] = [];
  const last = new LastSurroundings();
  for (const row of rows) {
    const raw = row.blob("raw");
    if (raw !== null) {
      resourceSpans.push(decodeMessage("ResourceSpans", raw));
      last.forget();
      continue;
    }
    const around = last.of(row);
    if (last.newResource) {
      const { resource, schemaUrl } = around;
      resourceSpans.push({ ...(resource === undefined ? {} : { resource }), scopeSpans: [], schemaUrl });
    }
    const group = resourceSpans.at(-1)?.scopeSpans ?? [];
    if (last.newScope) {
      const { scope, scopeSchemaUrl } = around;
      group.push({ ...(scope === undefined ? {} : { scope }), spans: [], schemaUrl: scopeSchemaUrl });
    }
    group.at(-1)?.spans.push(rowToSpan(row));
  }
  return { resourceSpans };
}

function rowsToLogs(rows: Iterable<MirrorRow>): LogsData {
  const resourceLogs: ResourceLogs[] = [];
  const last = new LastSurroundings();
  for (const row of rows) {
    const raw = row.blob("raw");
    if (raw !== null) {
      resourceLogs.push(decodeMessage("ResourceLogs", raw));
      last.forget();
      continue;
    }
    const around = last.of(row);
    if (last.newResource) {
      const { resource, schemaUrl } = around;
      resourceLogs.push({ ...(resource === undefined ? {} : { resource }), scopeLogs: [], schemaUrl });
    }
    const group = resourceLogs.at(-1)?.scopeLogs ?? [];
    if (last.newScope) {
      const { scope, scopeSchemaUrl } = around;
      group.push({ ...(scope === undefined ? {} : { scope }), logRecords: [], schemaUrl: scopeSchemaUrl });
    }
    group.at(-1)?.logRecords.push(rowToLogRecord(row));
  }
  return { resourceLogs };
}

function rowsToMetrics(rows: Iterable<MirrorRow>): MetricsData {
  const resourceMetrics: ResourceMetrics[] = [];
  const last = new LastSurroundings();
  for (const row of rows) {
    const raw = row.blob("raw");
    if (raw !== null) {
      resourceMetrics.push(decodeMessage("ResourceMetrics", raw));
      last.forget();
      continue;
    }
    const around = last.of(row);
    if (last.newResource) {
      const { resource, schemaUrl } = around;
      resourceMetrics.push({ ...(resource === undefined ? {} : { resource }), scopeMetrics: [], schemaUrl });
    }
    const group = resourceMetrics.at(-1)?.scopeMetrics ?? [];
    if (last.newScope) {
      const { scope, scopeSchemaUrl } = around;
      group.push({ ...(scope === undefined ? {} : { scope }), metrics: [], schemaUrl: scopeSchemaUrl });
    }
    addPoint(group.at(-1)?.metrics ?? [], row);
  }
  return { resourceMetrics };
}

/** Parses the surroundings of a row only when they differ from the row before. */
class LastSurroundings {
  #last: Surroundings | undefined;
  newResource = true;
  newScope = true;

  forget(): void {
    this.#last = undefined;
  }

  of(row: MirrorRow): Surroundings {
    const attributes = row.text("resource_attributes");
    const extra = row.text("resource_extra");
    const scopeText = row.text("scope");
    const key = JSON.stringify([attributes, extra]);
    const scopeKey = scopeText ?? "";
    this.newResource = this.#last === undefined || this.#last.key !== key;
    this.newScope = this.newResource || this.#last?.scopeKey !== scopeKey;
    if (this.#last !== undefined && !this.newScope) return this.#last;
    this.#last = { key, scopeKey, ...resourceOf(attributes, extra), ...scopeOf(scopeText) };
    return this.#last;
  }
}

function resourceOf(
  attributes: string | null,
  extra: string | null,
): { resource: Resource | undefined; schemaUrl: string } {
  const more = plainJsonToPairs(extra);
  const resource: Resource = {
    attributes: plainJsonToPairs(attributes),
    droppedAttributesCount: numberOf(more, "dropped_attributes_count"),
    entityRefs: (more.find(({ key }) => key === "entity_refs")?.value?.arrayValue?.values ?? []).map(
      (entity) => {
        const fields = entity.kvlistValue?.values ?? [];
        return {
          schemaUrl: stringOf(fields, "schema_url"),
          type: stringOf(fields, "type"),
          idKeys: stringsOf(fields, "id_keys"),
          descriptionKeys: stringsOf(fields, "description_keys"),
        };
      },
    ),
  };
  return { resource: attributes === null ? undefined : resource, schemaUrl: stringOf(more, "schema_url") };
}

function scopeOf(text: string | null): { scope: InstrumentationScope | undefined; scopeSchemaUrl: string } {
  const value = text === null ? undefined : plainJsonToValue(text).kvlistValue;
  if (text !== null && value === undefined) {
    throw new CounterfoilError("CF_CATALOG_CORRUPT", "column scope of a mirror row is not a JSON object");
  }
  const fields = value?.values ?? [];
  const scopeSchemaUrl = stringOf(fields, "schema_url");
  if (!fields.some(({ key }) => key === "name")) return { scope: undefined, scopeSchemaUrl };
  const scope = {
    name: stringOf(fields, "name"),
    version: stringOf(fields, "version"),
    attributes: fields.find(({ key }) => key === "attributes")?.value?.kvlistValue?.values ?? [],
    droppedAttributesCount: numberOf(fields, "dropped_attributes_count"),
  };
  return { scope, scopeSchemaUrl };
}
