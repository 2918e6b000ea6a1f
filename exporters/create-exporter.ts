import { Batcher, DEFAULT_BATCH } from "./core/batcher.js";
import type { Exporter, ExportPart, Gatherer } from "./core/exporter.js";
import { createScrubber, scrubOutcomes } from "./core/scrub.js";
import type { DeliveryConfig, ExporterConfig } from "./destination-types.js";
import { createFileExporter } from "./file/file-exporter.js";
import { createLangSmithExporter, createLangSmithRecords } from "./langsmith/langsmith-exporter.js";
import { createTraceGatherer } from "./langsmith/trace-gatherer.js";
import { createOtlpHttpExporter } from "./otlp/otlp-http-exporter.js";

/** Requests in flight at once unless configured. */
export const DEFAULT_CONCURRENCY = 4;

/** Changes of records in one batch: each is a request of its own, and all are made again when one fails. */
const RECORDS_MAX = 64;

/** An exporter and what gathers its batches. */
export interface CreatedExporter {
  readonly exporter: Exporter;
  readonly gatherer: Gatherer;
  readonly scrub: (text: string) => string;
}

/** Builds what a destination's settings name. Throws CF_CONFIG_INVALID. */
export function createExporter(
  config: ExporterConfig,
  options: { name: string; delivery: DeliveryConfig; warn: (message: string) => void },
): CreatedExporter {
  const context = {
    name: options.name,
    concurrency: options.delivery.concurrency ?? DEFAULT_CONCURRENCY,
    warn: options.warn,
  };
  const scrub = createScrubber(secretsOf(config));
  const batch = { ...DEFAULT_BATCH, ...options.delivery.batch };
  switch (config.type) {
    case "otlp_http": {
      const exporter = scrubOutcomes(createOtlpHttpExporter(config, context), scrub);
      return { exporter, gatherer: new Batcher({ ...batch, mayJoin: mayJoinBytes }), scrub };
    }
    case "file":
      return { exporter: createFileExporter(config), gatherer: new Batcher(batch), scrub };
    case "langsmith_records": {
      const exporter = scrubOutcomes(createLangSmithRecords(config, context), scrub);
      return { exporter, gatherer: new Batcher({ ...batch, itemsMax: RECORDS_MAX }), scrub };
    }
    case "langsmith": {
      const created = createLangSmithExporter(config, context);
      const exporter = scrubOutcomes(created.exporter, scrub);
      const gatherer =
        created.tree === undefined ? new Batcher(batch) : createTraceGatherer(config, batch, created.tree);
      return { exporter, gatherer, scrub };
    }
  }
}

/** Compressed payloads go out as they are, one a request. */
function mayJoinBytes(part: ExportPart): boolean {
  return part.body.kind === "data" || part.body.encoding === "identity";
}

function secretsOf(config: ExporterConfig): string[] {
  if (config.type === "otlp_http") return Object.values(config.headers ?? {});
  return config.type === "langsmith" || config.type === "langsmith_records" ? [config.apiKey] : [];
}
