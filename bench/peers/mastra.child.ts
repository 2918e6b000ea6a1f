import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeOtlp, type Span } from "../../schema/index.js";

/**
 * Mastra's DuckDB store behind an HTTP server that decodes OTLP for it: Mastra takes spans only in its own process. The
 * decoding counts against it; what it costs is printed beside. Arguments: the folder with its packages, the database.
 */
const [folder = "", database = ""] = process.argv.slice(2);

interface Observability {
  init(): Promise<void>;
  batchCreateSpans(args: { records: readonly object[] }): Promise<void>;
}

interface DuckDBModule {
  readonly DuckDBStore: new (config: { path: string }) => { readonly observability: Observability };
}

function attributeText(span: Span, key: string): string | undefined {
  return span.attributes.find((attribute) => attribute.key === key)?.value?.stringValue ?? undefined;
}

function record(span: Span): object {
  const attributes: Record<string, unknown> = {};
  for (const { key, value } of span.attributes) {
    if (key.endsWith(".messages")) continue;
    const { intValue, doubleValue, stringValue, arrayValue } = value ?? {};
    attributes[key] = stringValue ?? doubleValue ?? (intValue === undefined ? arrayValue : Number(intValue));
  }
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId === "" ? null : span.parentSpanId,
    name: span.name,
    spanType: "generic",
    isEvent: false,
    startedAt: new Date(Number(span.startTimeUnixNano / 1_000_000n)),
    endedAt: new Date(Number(span.endTimeUnixNano / 1_000_000n)),
    input: attributeText(span, "gen_ai.input.messages") ?? null,
    output: attributeText(span, "gen_ai.output.messages") ?? null,
    attributes,
    metadata: null,
  };
}

const entry = pathToFileURL(join(folder, "node_modules", "@mastra", "duckdb", "dist", "index.js"));
const { DuckDBStore } = (await import(entry.href)) as DuckDBModule;
const { observability } = new DuckDBStore({ path: database });
await observability.init();

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { resourceSpans } = decodeOtlp("traces", Buffer.concat(chunks));
    const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
    observability.batchCreateSpans({ records: spans.map(record) }).then(
      () => response.writeHead(200, { "content-length": 0 }).end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
});
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
