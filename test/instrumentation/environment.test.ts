import { diag, DiagLogLevel } from "@opentelemetry/api";
import * as sdk from "@opentelemetry/sdk-trace";
import { afterEach, describe, expect, it, vi } from "vitest";
import { batchOptions, samplerFrom, tracesExporter } from "../../instrumentation/src/environment.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Spans that are recorded of one root span under a sampler. */
function sampled(sampler: object | undefined): number {
  const exporter = new sdk.InMemorySpanExporter();
  const provider = new sdk.TracerProvider({
    ...(sampler === undefined ? {} : { sampler: sampler as sdk.Sampler }),
    spanProcessors: [new sdk.SimpleSpanProcessor({ exporter })],
  });
  provider.getTracer("t").startSpan("root").end();
  return exporter.getFinishedSpans().length;
}

describe("OTEL_TRACES_SAMPLER", () => {
  it.each([
    ["always_off", "", 0],
    ["Always_On", "", 1],
    ["traceidratio", "0", 0],
    ["traceidratio", "1", 1],
    ["traceidratio", "", 1],
    ["traceidratio", "most", 1],
    ["parentbased_traceidratio", "1", 1],
    ["parentbased_always_off", "", 0],
    ["no_such_sampler", "", 1],
    ["", "", 1],
  ])("%j with the argument %j records %i of one span", (sampler, argument, count) => {
    vi.stubEnv("OTEL_TRACES_SAMPLER", sampler);
    vi.stubEnv("OTEL_TRACES_SAMPLER_ARG", argument);
    expect(sampled(samplerFrom(sdk))).toBe(count);
  });
});

describe("OTEL_BSP_*", () => {
  it.each([
    ["OTEL_BSP_SCHEDULE_DELAY", "250", { scheduledDelayMillis: 250 }],
    ["OTEL_BSP_SCHEDULE_DELAY", "0", { scheduledDelayMillis: 0 }],
    ["OTEL_BSP_SCHEDULE_DELAY", "99999999999999", { scheduledDelayMillis: 5_000 }],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "10", { maxQueueSize: 10 }],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "0", { maxQueueSize: 2_048 }],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", { maxExportBatchSize: 512 }],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1", { maxExportBatchSize: 1 }],
    ["OTEL_BSP_EXPORT_TIMEOUT", "soon", { exportTimeoutMillis: 30_000 }],
    ["OTEL_BSP_EXPORT_TIMEOUT", "-5", { exportTimeoutMillis: 30_000 }],
    ["OTEL_BSP_EXPORT_TIMEOUT", "", {}],
  ])("%s=%j becomes %j", (name, value, options) => {
    vi.stubEnv(name, value);
    expect(batchOptions()).toEqual(options);
  });
});

describe("OTEL_TRACES_EXPORTER", () => {
  it.each([
    ["", "otlp", 0],
    ["otlp", "otlp", 0],
    ["Console", "console", 0],
    ["zipkin", "otlp", 1],
  ])("%j gives %s and %i warnings", (value, exporter, warnings) => {
    const warn = vi.fn<(message: string) => void>();
    const silent = (): void => undefined;
    diag.setLogger({ error: silent, warn, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN);
    vi.stubEnv("OTEL_TRACES_EXPORTER", value);
    expect(tracesExporter()).toBe(exporter);
    expect(warn).toHaveBeenCalledTimes(warnings);
    diag.disable();
  });
});
