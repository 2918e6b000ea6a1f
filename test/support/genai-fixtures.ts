import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { decodeOtlp, decodeOtlpJson, type LogsData, type TracesData } from "../../schema/index.js";
import type { NormaliserInput } from "../../schema/genai/types.js";

/** Captured requests, one folder for each source. */
export const FIXTURES = fileURLToPath(new URL("../fixtures/otlp/", import.meta.url));

/** Names of the captures. */
export const FIXTURE_NAMES: readonly string[] = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

function files(name: string, signal: string): string[] {
  return readdirSync(join(FIXTURES, name))
    .filter((file) => file.startsWith(`${signal}-`))
    .sort();
}

/** A capture's trace requests in the order sent. */
export function traceRequests(name: string): TracesData[] {
  return files(name, "traces").map((file) => {
    const bytes = readFileSync(join(FIXTURES, name, file));
    if (file.endsWith(".json")) return decodeOtlpJson("traces", bytes);
    return decodeOtlp("traces", bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
  });
}

/** A capture's log requests in the order sent. */
export function logRequests(name: string): LogsData[] {
  return files(name, "logs").map((file) => {
    const bytes = readFileSync(join(FIXTURES, name, file));
    if (file.endsWith(".json")) return decodeOtlpJson("logs", bytes);
    return decodeOtlp("logs", bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
  });
}

/** A span as the normaliser takes it, and its id. */
export interface FixtureSpan {
  readonly spanId: string;
  readonly input: NormaliserInput;
}

/** A capture's spans in the order sent. */
export function fixtureSpans(name: string): FixtureSpan[] {
  return traceRequests(name).flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span) => ({ spanId: span.spanId, input: { ...span, scope, resource } })),
      ),
    ),
  );
}
