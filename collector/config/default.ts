import { loadConfig } from "./load.js";
import type { Environment } from "./parse.js";
import type { CollectorConfig } from "./types.js";

const LANGSMITH = `
  langsmith:
    api_key: \${env:LANGSMITH_API_KEY}
    endpoint: \${env:LANGSMITH_ENDPOINT:-https://api.smith.langchain.com}
    project: \${env:LANGSMITH_PROJECT:-default}
`;

/**
 * The configuration used without a file, as YAML: OTLP on this machine's two standard ports, everything into the mirror,
 * and traces to LangSmith when `LANGSMITH_API_KEY` is set. `OTEL_EXPORTER_OTLP_ENDPOINT` is not read on purpose: it
 * usually names this very collector, and forwarding to it would be a loop.
 */
export function defaultConfigText(env: Environment): string {
  const langsmith = (env["LANGSMITH_API_KEY"] ?? "") !== "";
  const workspace = (env["LANGSMITH_WORKSPACE_ID"] ?? "") !== "";
  const exporter = langsmith ? LANGSMITH.trimEnd() : "";
  const workspaceLine = langsmith && workspace ? "\n    workspace_id: ${env:LANGSMITH_WORKSPACE_ID}" : "";
  return `receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:4318
      grpc:
        endpoint: 127.0.0.1:4317
exporters:
  mirror:${exporter}${workspaceLine}
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [mirror${langsmith ? ", langsmith" : ""}] }
    logs: { receivers: [otlp], exporters: [mirror] }
    metrics: { receivers: [otlp], exporters: [mirror] }
`;
}

/** The zero-configuration default; see {@link defaultConfigText}. */
export function defaultConfig(env: Environment): CollectorConfig {
  return loadConfig({ file: "the built-in configuration", text: defaultConfigText(env) }, env).config;
}
