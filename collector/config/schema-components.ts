import { z } from "zod";
import { PUSHED_RECORDS } from "../../exporters/langsmith/push/types.js";
import { headerNameProblem, headerValueProblem } from "../../exporters/core/headers.js";
import { durationSchema, positiveSizeSchema, sizeSchema, timerSchema } from "./units.js";

/** A section that may be left empty (`http:`), which means all defaults. */
export function section<T extends z.ZodType>(schema: T) {
  return schema.nullable().transform((value): z.output<T> => (value === null ? schema.parse({}) : value));
}

const signal = z.enum(["traces", "logs", "metrics"]);

/** A regular expression that compiles. */
const pattern = z.string().refine(compiles, "is not a valid regular expression (JavaScript syntax)");

function compiles(text: string): boolean {
  try {
    return new RegExp(text, "u") instanceof RegExp;
  } catch {
    return false;
  }
}

const url = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    "must be an http:// or https:// URL",
  )
  .refine(
    (text) => !URL.canParse(text) || (new URL(text).username === "" && new URL(text).password === ""),
    "must not hold a user or password: put credentials in the headers",
  );

/** Text that is sent as a header's value. */
const headerValue = z.string().superRefine(checkHeaderValue);

function checkHeaderValue(value: string, context: z.RefinementCtx<string>): void {
  const problem = headerValueProblem(value);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
}

const headers = z.record(z.string(), headerValue).superRefine((value, context) => {
  for (const name of Object.keys(value)) {
    const problem = headerNameProblem(name);
    if (problem !== undefined) context.addIssue({ code: "custom", path: [name], message: problem });
  }
});

/** `host:port`, `[::1]:port` or `:port`. */
export const endpointSchema = z
  .string('must be an address such as "127.0.0.1:4318"')
  .regex(
    /^(?:\[[0-9a-fA-F:.]+\]|[^:\s[\]]*):(?:6553[0-5]|655[0-2]\d|65[0-4]\d{2}|6[0-4]\d{3}|[1-5]?\d{1,4})$/,
    'must be an address such as "127.0.0.1:4318"',
  );

const apiKeys = z
  .array(z.string().trim().min(8, "an API key needs at least 8 characters"))
  .default([])
  .describe("Keys that senders must present. Take them from ${env:NAME}.");

const auth = z.strictObject({ api_keys: apiKeys });

const shared = {
  auth: auth.default({ api_keys: [] }),
  allow_unauthenticated: z
    .boolean()
    .default(false)
    .describe("Allow an address that other machines reach without any API key."),
  max_connections: z.number().int().positive().default(12_000).describe("Connections held open at once."),
};

const urlPath = z.string().regex(/^\/[^\s?#]*$/, 'must be a path such as "/v1/traces"');

const paths = z.strictObject({
  traces: z.array(urlPath).default(["/v1/traces", "/otel/v1/traces", "/api/v1/otel/v1/traces"]),
  logs: z.array(urlPath).default(["/v1/logs", "/otel/v1/logs", "/api/v1/otel/v1/logs"]),
  metrics: z.array(urlPath).default(["/v1/metrics", "/otel/v1/metrics", "/api/v1/otel/v1/metrics"]),
});

/** `receivers.otlp.protocols.http` */
export const httpSchema = z.strictObject({
  endpoint: endpointSchema
    .default("127.0.0.1:4318")
    .describe("Address to listen on. Port 0 takes a free one."),
  ...shared,
  max_request_body_size: positiveSizeSchema
    .default("20MiB")
    .describe("Largest body, before and after decompression."),
  headers_timeout: timerSchema.default("10s").describe("Time to receive a request's headers."),
  request_timeout: timerSchema.default("30s").describe("Time to receive a whole request."),
  allowed_hosts: z
    .array(z.string())
    .default([])
    .describe("Host names for the status pages, besides localhost and IP addresses."),
  cors: z
    .strictObject({ allowed_origins: z.array(z.string()).default([]) })
    .default({ allowed_origins: [] })
    .describe("Web origins that may send OTLP from a browser. Off when empty."),
  paths: paths.prefault({}).describe("URL paths by signal."),
});

/** `receivers.otlp.protocols.grpc` */
export const grpcSchema = z.strictObject({
  endpoint: endpointSchema
    .default("127.0.0.1:4317")
    .describe("Address to listen on. Port 0 takes a free one."),
  ...shared,
  max_recv_msg_size: positiveSizeSchema.default("20MiB").describe("Largest message after decompression."),
  request_timeout: timerSchema.default("30s").describe("Time to receive a whole request."),
});

/** `receivers.otlp` */
export const otlpReceiverSchema = z.strictObject({
  protocols: z
    .strictObject({ http: section(httpSchema).optional(), grpc: section(grpcSchema).optional() })
    .refine((value) => value.http !== undefined || value.grpc !== undefined, "needs http, grpc or both"),
  max_inflight_size: positiveSizeSchema
    .default("64MiB")
    .describe("Bytes of requests waiting for the disk before new ones get 429."),
});

const scalar = z.union([z.string(), z.number(), z.boolean()], "must be a text, a number or true/false");

const valueMatch = z.union(
  [
    scalar,
    z.strictObject({
      equals: scalar.optional(),
      matches: pattern.optional(),
      exists: z.boolean().optional(),
    }),
  ],
  "must be a value, or an object with equals, matches (a regular expression) or exists",
);

/** `processors.filter` */
export const filterSchema = z.strictObject({
  keep_ancestors: z.boolean().default(true).describe("Never drop a span that is an ancestor of a kept one."),
  drop: z
    .array(
      z
        .strictObject({
          rule: z.string().min(1).optional().describe("Name to count under."),
          signals: z.array(signal).min(1).optional(),
          name: valueMatch.optional().describe("Span, log event or metric name."),
          kinds: z
            .array(z.enum(["internal", "server", "client", "producer", "consumer"]))
            .min(1)
            .optional(),
          attributes: z.record(z.string(), valueMatch).optional(),
          resource: z.record(z.string(), valueMatch).optional(),
        })
        .refine(
          (rule) => Boolean(rule.name ?? rule.kinds ?? rule.attributes ?? rule.resource),
          "needs at least one of name, kinds, attributes, resource: it would drop everything",
        ),
    )
    .min(1)
    .describe("What matches every condition of a rule is dropped."),
});

/** `processors.attributes` */
export const attributesSchema = z.strictObject({
  target: z
    .enum(["item", "resource"])
    .default("item")
    .describe("Change the item's attributes or its resource's."),
  actions: z
    .array(
      z
        .strictObject({
          action: z.enum(["insert", "update", "upsert", "delete", "hash", "extract"]),
          key: z.string().min(1),
          value: scalar.optional(),
          from_attribute: z.string().optional(),
          pattern: pattern.optional().describe("For extract: named groups become attributes."),
        })
        .superRefine((action, context) => {
          const message = actionProblem(action);
          if (message !== undefined) context.addIssue({ code: "custom", message });
        }),
    )
    .min(1),
});

function actionProblem(action: {
  action: string;
  value?: unknown;
  from_attribute?: unknown;
  pattern?: string | undefined;
}): string | undefined {
  const writes = ["insert", "update", "upsert"].includes(action.action);
  const sources = Number(action.value !== undefined) + Number(action.from_attribute !== undefined);
  if (writes && sources !== 1) return `${action.action} needs either value or from_attribute`;
  if (!writes && sources !== 0) return `${action.action} takes neither value nor from_attribute`;
  if (action.action === "extract" && !/\(\?<\w+>/.test(action.pattern ?? "")) {
    return "extract needs a pattern with at least one named group, as in (?<name>...)";
  }
  if (action.action !== "extract" && action.pattern !== undefined) return "only extract takes a pattern";
  return undefined;
}

/** `processors.redaction` */
export const redactionSchema = z
  .strictObject({
    key_patterns: z
      .array(pattern)
      .default([])
      .describe("Attributes whose key matches lose their whole value."),
    value_patterns: z.array(pattern).default([]).describe("Matching text inside any value is replaced."),
    replacement: z.string().default("[redacted]"),
  })
  .refine(
    (value) => value.key_patterns.length + value.value_patterns.length > 0,
    "needs key_patterns or value_patterns: it would change nothing",
  );

const delivery = {
  retry_on_failure: z
    .strictObject({
      initial_interval: timerSchema.default("1s"),
      multiplier: z.number().min(1).default(2),
      max_interval: timerSchema.default("60s"),
      max_elapsed_time: durationSchema
        .default("0s")
        .describe("0s retries for ever: the journal keeps the data."),
    })
    .prefault({}),
  batch: z
    .strictObject({
      max_items: z.number().int().positive().default(512),
      max_size: positiveSizeSchema.default("4MiB"),
      flush_interval: timerSchema.default("200ms"),
    })
    .prefault({}),
  sending_queue: z
    .strictObject({
      num_consumers: z.number().int().min(1).max(64).default(4).describe("Requests in flight at once."),
      max_size: positiveSizeSchema.optional().describe("Bytes read ahead from the journal into memory."),
    })
    .prefault({}),
  start_at: z
    .enum(["beginning", "end"])
    .default("beginning")
    .describe("Where a new exporter begins in the journal."),
};

/** `exporters.mirror`: always there; its settings are the top-level `mirror` section. */
export const mirrorExporterSchema = z.strictObject({});

/** `exporters.otlp_http` */
export const otlpHttpSchema = z
  .strictObject({
    endpoint: url.optional().describe("Base address; /v1/<signal> is added."),
    traces_endpoint: url.optional().describe("Full address, used as it is."),
    logs_endpoint: url.optional(),
    metrics_endpoint: url.optional(),
    headers: headers.default({}),
    compression: z.enum(["gzip", "none"]).default("gzip"),
    timeout: timerSchema.default("10s").describe("One attempt."),
    ...delivery,
  })
  .refine(
    (value) => value.endpoint ?? value.traces_endpoint ?? value.logs_endpoint ?? value.metrics_endpoint,
    "needs endpoint, or an endpoint for each signal",
  );

/** `exporters.langsmith` */
export const langsmithSchema = z.strictObject({
  endpoint: url
    .default("https://api.smith.langchain.com")
    .describe("API address; self-hosted: https://<host>/api/v1."),
  api_key: z
    .string("is needed: write ${env:LANGSMITH_API_KEY}")
    .trim()
    .min(1, "is empty: is the environment variable set?")
    .superRefine(checkHeaderValue),
  workspace_id: headerValue.trim().min(1).optional().describe("For keys that reach several workspaces."),
  project: z.string().min(1).default("default").describe("Project of spans that name none themselves."),
  projects: z
    .array(
      z.strictObject({
        match: z.strictObject({
          service_name: z.string().optional(),
          environment: z.string().optional(),
          attributes: z.record(z.string(), z.string()).optional(),
        }),
        project: z.string().min(1),
      }),
    )
    .default([])
    .describe("Routes to other projects. First match wins."),
  mode: z
    .enum(["otlp", "translate", "native"])
    .default("otlp")
    .describe("otlp (also written translate): OTLP with LangSmith's attributes; native: the run API."),
  push: z
    .array(z.enum(["spans", ...PUSHED_RECORDS]))
    .min(1, "names nothing; leave it out for spans")
    .default(["spans"])
    .describe(
      "What goes to LangSmith: spans, feedback, datasets (with examples), projects (and experiments), prompts (with commits).",
    ),
  compression: z.enum(["gzip", "none"]).default("gzip"),
  timeout: timerSchema.default("30s").describe("One attempt."),
  trace_wait: timerSchema.optional().describe("native: quiet time after a trace's last span."),
  orphan_wait: timerSchema.optional().describe("native: how long spans without their root are held."),
  ...delivery,
});

/** `exporters.file` */
export const fileSchema = z.strictObject({
  path: z.string("is needed: the folder to write to").min(1).describe("Folder; made when it is missing."),
  rotation: z
    .strictObject({
      max_size: sizeSchema.default("100MiB").describe("0 never rotates."),
      max_files: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe("Rotated files kept by signal; 0 keeps all."),
    })
    .prefault({}),
  ...delivery,
});
