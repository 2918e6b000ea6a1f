import { CounterfoilError, SIGNALS, type Signal } from "../../schema/index.js";
import { classifyAnswer, OTLP_STATUSES } from "../core/classify.js";
import { encodeBatch } from "../core/encode-batch.js";
import { checkEndpoint, joinUrl } from "../core/endpoint.js";
import { type ExportBatch, type Exporter, type Outcome, telemetrySignal } from "../core/exporter.js";
import { headerNameProblem, headerValueProblem } from "../core/headers.js";
import { HttpTransport } from "../core/http.js";
import { readExportAnswer } from "../core/otlp-answer.js";
import type { OtlpHttpExporterConfig } from "./types.js";

/** One attempt may take this long unless configured, milliseconds (OTEL_EXPORTER_OTLP_TIMEOUT's default). */
const TIMEOUT_MS = 10_000;

/** What the factory of an exporter needs beside its settings. */
export interface ExporterContext {
  readonly name: string;
  readonly concurrency: number;
  readonly warn: (message: string) => void;
}

/** OTLP over HTTP in protobuf. Throws CF_CONFIG_INVALID for an address or header that can't work. */
export function createOtlpHttpExporter(config: OtlpHttpExporterConfig, context: ExporterContext): Exporter {
  const urls = resolveUrls(config, context);
  checkHeaders(config.headers ?? {}, `exporters.${context.name}.headers`);
  const compression = config.compression ?? "gzip";
  const transport = new HttpTransport({
    timeoutMs: config.timeoutMs ?? TIMEOUT_MS,
    connections: context.concurrency,
  });
  return {
    wants: "bytes",
    async send(batch: ExportBatch, abort: AbortSignal): Promise<Outcome> {
      const signal = telemetrySignal(batch);
      const url = urls.get(signal);
      if (url === undefined) {
        return { kind: "blocked", message: `no endpoint is configured for ${signal}` };
      }
      const { body, encoding } = await encodeBatch(batch, compression);
      const headers: Record<string, string> = {
        ...config.headers,
        "content-type": "application/x-protobuf",
        "user-agent": "counterfoil",
      };
      if (encoding !== undefined) headers["content-encoding"] = encoding;
      const answer = await transport.post({ url, headers, body }, abort);
      const outcome = classifyAnswer(answer, OTLP_STATUSES, Date.now());
      if (outcome !== undefined || "failure" in answer) return outcome ?? { kind: "delivered" };
      return readExportAnswer(signal, answer);
    },
    async close() {
      transport.close();
    },
  };
}

/** At the start and not at the first request: there it would count as the spans' own fault. */
function checkHeaders(headers: Readonly<Record<string, string>>, setting: string): void {
  for (const [name, value] of Object.entries(headers)) {
    const problem = headerNameProblem(name) ?? headerValueProblem(value);
    if (problem !== undefined)
      throw new CounterfoilError("CF_CONFIG_INVALID", `${setting}.${name} ${problem}`);
  }
}

function resolveUrls(config: OtlpHttpExporterConfig, context: ExporterContext): Map<Signal, URL> {
  const hasSecret = Object.keys(config.headers ?? {}).length > 0;
  const urls = new Map<Signal, URL>();
  const check = (text: string, setting: string): URL => {
    const { url, warning } = checkEndpoint(text, {
      setting: `exporters.${context.name}.${setting}`,
      hasSecret,
    });
    if (warning !== undefined) context.warn(warning);
    return url;
  };
  const base = config.endpoint === undefined ? undefined : check(config.endpoint, "endpoint");
  for (const signal of SIGNALS) {
    const own = config.endpoints?.[signal];
    if (own !== undefined) urls.set(signal, check(own, `${signal}_endpoint`));
    else if (base !== undefined) urls.set(signal, joinUrl(base, `v1/${signal}`));
  }
  if (urls.size === 0) {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      `exporters.${context.name}: no endpoint; set endpoint: https://host:4318`,
    );
  }
  return urls;
}
