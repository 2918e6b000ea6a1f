import { diag } from "@opentelemetry/api";

/** OTLP over HTTP on this machine: where Counterfoil listens when nothing else is said. */
export const DEFAULT_ENDPOINT = "http://127.0.0.1:4318";

/** Attributes a span may have. The SDK's 128 is too few for conversations flattened into attributes. */
export const SPAN_ATTRIBUTE_COUNT_MAX = 4096;

/** Why tracing is off by the environment; `undefined` when it is on. */
export function disabledReason(): string | undefined {
  if (isTrue("OTEL_SDK_DISABLED")) return "OTEL_SDK_DISABLED is true";
  if (text("LANGSMITH_TRACING")?.toLowerCase() === "false") return "LANGSMITH_TRACING is false";
  if (text("OTEL_TRACES_EXPORTER")?.toLowerCase() === "none") return "OTEL_TRACES_EXPORTER is none";
  return undefined;
}

/** The value of a variable; empty counts as not set, as the OpenTelemetry specification asks. */
export function text(name: string): string | undefined {
  const value = process.env[name]?.trim();
  return value === undefined || value === "" ? undefined : value;
}

/** A whole number >= 0; anything else is reported and counts as not set. */
export function wholeNumber(name: string): number | undefined {
  const value = text(name);
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  diag.warn(`${name} is not a whole number and is not used`);
  return undefined;
}

/** True when any variable names an OTLP endpoint for traces; the exporter then reads it by itself. */
export function hasEndpoint(): boolean {
  return (
    text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") !== undefined ||
    text("OTEL_EXPORTER_OTLP_ENDPOINT") !== undefined
  );
}

/** The exporter OTEL_TRACES_EXPORTER names, `none` aside; one that isn't known here is reported, and otlp is used. */
export function tracesExporter(): "otlp" | "console" {
  const name = text("OTEL_TRACES_EXPORTER")?.toLowerCase() ?? "otlp";
  if (name === "console") return name;
  if (name !== "otlp") diag.warn("OTEL_TRACES_EXPORTER has a value that is not known; otlp is used");
  return "otlp";
}

/** The OTLP protocol asked for, when one is. */
export function otlpProtocol(): string | undefined {
  return text("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? text("OTEL_EXPORTER_OTLP_PROTOCOL");
}

/** Limits of one span: OTEL_SPAN_* and OTEL_ATTRIBUTE_* win, otherwise attributes up to 4,096 and the SDK's defaults. */
export function spanLimits(): Record<string, number> {
  return present({
    attributeCountLimit:
      wholeNumber("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT") ??
      wholeNumber("OTEL_ATTRIBUTE_COUNT_LIMIT") ??
      SPAN_ATTRIBUTE_COUNT_MAX,
    attributeValueLengthLimit:
      wholeNumber("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT") ??
      wholeNumber("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
    eventCountLimit: wholeNumber("OTEL_SPAN_EVENT_COUNT_LIMIT"),
    linkCountLimit: wholeNumber("OTEL_SPAN_LINK_COUNT_LIMIT"),
  });
}

/** Longest delay a timer takes; far above any sensible queue. */
const BATCH_NUMBER_MAX = 2 ** 31 - 1;

/**
 * Batch options from OTEL_BSP_*. A value out of range is reported and replaced by the specification's default: left out,
 * the SDK would read the variable itself, and with a batch of 0 spans it never ends and takes all memory.
 */
export function batchOptions(): Record<string, number> {
  return present({
    scheduledDelayMillis: batchNumber("OTEL_BSP_SCHEDULE_DELAY", { min: 0, fallback: 5_000 }),
    maxQueueSize: batchNumber("OTEL_BSP_MAX_QUEUE_SIZE", { min: 1, fallback: 2_048 }),
    maxExportBatchSize: batchNumber("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", { min: 1, fallback: 512 }),
    exportTimeoutMillis: batchNumber("OTEL_BSP_EXPORT_TIMEOUT", { min: 0, fallback: 30_000 }),
  });
}

function batchNumber(name: string, { min, fallback }: { min: number; fallback: number }): number | undefined {
  const value = text(name);
  if (value === undefined) return undefined;
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= BATCH_NUMBER_MAX) return number;
  diag.warn(`${name} is not a whole number from ${min} to ${BATCH_NUMBER_MAX} and is not used`);
  return fallback;
}

type SamplerClass = new (argument?: unknown) => object;

/** The sampler OTEL_TRACES_SAMPLER names, or `undefined` for the SDK's default (parent-based, always on). */
export function samplerFrom(sdk: Record<string, unknown>): object | undefined {
  const name = text("OTEL_TRACES_SAMPLER")?.toLowerCase();
  if (name === undefined) return undefined;
  const make = (className: string, argument?: unknown): object =>
    new (sdk[className] as SamplerClass)(argument);
  const root = rootSampler(name.replace(/^parentbased_/, ""), make);
  if (root === undefined) {
    diag.warn("OTEL_TRACES_SAMPLER has a value that is not known and is not used");
    return undefined;
  }
  return name.startsWith("parentbased_") ? make("ParentBasedSampler", { root }) : root;
}

function rootSampler(
  name: string,
  make: (className: string, argument?: unknown) => object,
): object | undefined {
  switch (name) {
    case "always_on":
      return make("AlwaysOnSampler");
    case "always_off":
      return make("AlwaysOffSampler");
    case "traceidratio":
      return make("TraceIdRatioBasedSampler", samplerRatio());
    default:
      return undefined;
  }
}

/** OTEL_TRACES_SAMPLER_ARG, a number from 0 to 1. */
function samplerRatio(): number {
  const value = text("OTEL_TRACES_SAMPLER_ARG");
  const ratio = value === undefined ? 1 : Number(value);
  if (ratio >= 0 && ratio <= 1) return ratio;
  diag.warn("OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1 and is not used");
  return 1;
}

function isTrue(name: string): boolean {
  return text(name)?.toLowerCase() === "true";
}

function present(values: Record<string, number | undefined>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}
