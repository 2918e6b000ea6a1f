import { z } from "zod";
import {
  attributesSchema,
  fileSchema,
  filterSchema,
  langsmithSchema,
  mirrorExporterSchema,
  otlpHttpSchema,
  otlpReceiverSchema,
  redactionSchema,
  section,
} from "./schema-components.js";
import { positiveDurationSchema, positiveSizeSchema, timerSchema } from "./units.js";

/** Component sections and the types that each knows. */
export const COMPONENTS = {
  receivers: { otlp: otlpReceiverSchema },
  processors: { filter: filterSchema, attributes: attributesSchema, redaction: redactionSchema },
  exporters: {
    mirror: section(mirrorExporterSchema),
    otlp_http: otlpHttpSchema,
    langsmith: langsmithSchema,
    file: fileSchema,
  },
} as const;

/** `receivers`, `processors` or `exporters`. */
export type ComponentKind = keyof typeof COMPONENTS;

const journalSchema = z.strictObject({
  max_size: positiveSizeSchema.default("8GiB").describe("Cap of the journal on disk."),
  segment_size: positiveSizeSchema.default("64MiB").describe("One journal file."),
  when_full: z
    .enum(["backpressure", "drop_oldest"])
    .default("backpressure")
    .describe(
      "At the cap: refuse new requests as retryable, or drop what the slowest destination still needs.",
    ),
});

const mirrorSchema = z.strictObject({
  workers: z
    .number()
    .int()
    .min(1)
    .max(16)
    .default(2)
    .describe("Processes that write Parquet at most; each starts when there is work for it."),
  compaction: z
    .strictObject({
      enabled: z.boolean().default(true),
      interval: timerSchema.default("60s").describe("How often to look for hours to merge."),
    })
    .prefault({})
    .describe("Merging of small files into large ones, without duplicates."),
  retention: z
    .strictObject({
      max_age: positiveDurationSchema
        .optional()
        .describe("Rows older than this are removed. Absent keeps all."),
      max_size: positiveSizeSchema
        .optional()
        .describe("Oldest files are removed above this. Absent keeps all."),
    })
    .prefault({})
    .describe("What the mirror forgets. Nothing by default."),
});

const pricesSchema = z.strictObject({
  file: z
    .string()
    .min(1)
    .optional()
    .describe("YAML or JSON file of prices that go before the shipped ones; read again when it changes."),
});

const telemetrySchema = z.strictObject({
  logs: z
    .strictObject({ level: z.enum(["debug", "info", "warn", "error", "silent"]).default("info") })
    .prefault({}),
});

/** Component ids: `type` or `type/name`. The name becomes a file name, so its letters are few. */
export const ID_PATTERN = /^[a-z][a-z0-9_]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/;
/** Pipeline ids: a signal, with a name when there are several. */
export const PIPELINE_PATTERN = /^(traces|logs|metrics)(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?$/;

/** One pipeline of `service.pipelines`. */
export const pipelineSchema = z.strictObject({
  receivers: z.array(z.string()).min(1, "needs at least one receiver"),
  processors: z.array(z.string()).default([]),
  exporters: z.array(z.string()).min(1, "needs at least one exporter"),
});

/** `service` */
export const serviceSchema = z.strictObject({
  pipelines: z
    .record(z.string(), pipelineSchema)
    .refine((pipelines) => Object.keys(pipelines).length > 0, "needs at least one pipeline"),
  dropped_destinations: z
    .array(z.string())
    .default([])
    .describe("Exporters taken out of the configuration whose undelivered data may be forgotten."),
});

const components = z.record(z.string(), z.unknown());

/** The whole file; components are validated by their type, see {@link COMPONENTS}. */
export const fileShape = z.strictObject({
  receivers: components,
  processors: components.nullable().optional(),
  exporters: components,
  journal: section(journalSchema).prefault({}),
  mirror: section(mirrorSchema).prefault({}),
  prices: section(pricesSchema).prefault({}),
  telemetry: section(telemetrySchema).prefault({}),
  service: serviceSchema,
});

/** A validated file with every default filled in, in the user's own words. */
export interface ConfigDocument extends Omit<
  z.output<typeof fileShape>,
  "receivers" | "processors" | "exporters"
> {
  readonly receivers: Readonly<Record<string, z.output<typeof otlpReceiverSchema>>>;
  readonly processors: Readonly<Record<string, ProcessorDocument>>;
  readonly exporters: Readonly<Record<string, ExporterDocument>>;
}

/** A processor as written, with its type. */
export type ProcessorDocument =
  | { readonly type: "filter"; readonly settings: z.output<typeof filterSchema> }
  | { readonly type: "attributes"; readonly settings: z.output<typeof attributesSchema> }
  | { readonly type: "redaction"; readonly settings: z.output<typeof redactionSchema> };

/** An exporter as written, with its type. */
export type ExporterDocument =
  | { readonly type: "mirror"; readonly settings: z.output<typeof mirrorExporterSchema> }
  | { readonly type: "otlp_http"; readonly settings: z.output<typeof otlpHttpSchema> }
  | { readonly type: "langsmith"; readonly settings: z.output<typeof langsmithSchema> }
  | { readonly type: "file"; readonly settings: z.output<typeof fileSchema> };
