import { CounterfoilError, type TracesData } from "../../schema/index.js";
import { classifyAnswer, LANGSMITH_STATUSES } from "../core/classify.js";
import { encodeObjects } from "../core/encode-batch.js";
import { checkEndpoint, joinUrl } from "../core/endpoint.js";
import type { ExportBatch, Exporter, Outcome } from "../core/exporter.js";
import { headerValueProblem } from "../core/headers.js";
import { HttpTransport } from "../core/http.js";
import { readExportAnswer } from "../core/otlp-answer.js";
import { partData } from "../core/payload.js";
import type { ExporterContext } from "../otlp/otlp-http-exporter.js";
import { NativeClient } from "./native-client.js";
import { latestRuns, nativeRun, type OutgoingRun } from "./native-runs.js";
import { spanToRun, type Run } from "./run.js";
import type { RunOptions } from "./run-fields.js";
import { TraceTree } from "./trace-tree.js";
import { translateTraces } from "./translate.js";
import { createRecordsExporter } from "./push/records-exporter.js";
import type { LangSmithRecordsConfig } from "./push/types.js";
import type { LangSmithExporterConfig } from "./types.js";

const DEFAULT_ENDPOINT = "https://api.smith.langchain.com";
const DEFAULT_PROJECT = "default";
const TIMEOUT_MS = 30_000;

/** The exporter; with the tree that its gatherer must fill, in native mode. */
export interface CreatedLangSmithExporter {
  readonly exporter: Exporter;
  readonly tree?: TraceTree;
}

/** Builds either mode. Throws CF_CONFIG_INVALID for an address or key that can't work. */
export function createLangSmithExporter(
  config: LangSmithExporterConfig,
  context: ExporterContext,
): CreatedLangSmithExporter {
  const { base, transport, timeoutMs } = connect(config, context);
  if (config.mode === "native") return createNative(config, base, transport, timeoutMs);
  return { exporter: createTranslating(config, base, transport) };
}

/** The exporter of records beside it. Throws CF_CONFIG_INVALID likewise. */
export function createLangSmithRecords(config: LangSmithRecordsConfig, context: ExporterContext): Exporter {
  const { base, transport } = connect(config, { ...context, concurrency: 1 });
  base.pathname = base.pathname.replace(/\/+$/, "").replace(/(?:\/api)?\/v1$|\/api$/, "");
  return createRecordsExporter({ base, transport, apiKey: config.apiKey, workspaceId: config.workspaceId });
}

/** What both send with, checked before anything is sent. */
function connect(
  config: Pick<LangSmithExporterConfig, "apiKey" | "endpoint" | "timeoutMs" | "workspaceId">,
  context: ExporterContext,
): { readonly base: URL; readonly transport: HttpTransport; readonly timeoutMs: number } {
  const setting = `exporters.${context.name}`;
  if (config.apiKey.trim() === "") {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      `${setting}.api_key is empty; set it, e.g. \${env:LANGSMITH_API_KEY}`,
    );
  }
  // Before anything is sent: a request that can't be made would count as the spans' own fault.
  for (const [name, value] of [
    ["api_key", config.apiKey],
    ["workspace_id", config.workspaceId ?? ""],
  ] as const) {
    const problem = headerValueProblem(value);
    if (problem !== undefined)
      throw new CounterfoilError("CF_CONFIG_INVALID", `${setting}.${name} ${problem}`);
  }
  const { url, warning } = checkEndpoint(config.endpoint ?? DEFAULT_ENDPOINT, {
    setting: `${setting}.endpoint`,
    hasSecret: true,
  });
  if (warning !== undefined) context.warn(warning);
  // People also paste the full OTel address.
  url.pathname = url.pathname.replace(/\/otel(\/v1\/traces)?\/?$/, "");
  const timeoutMs = config.timeoutMs ?? TIMEOUT_MS;
  const transport = new HttpTransport({ timeoutMs, connections: context.concurrency });
  return { base: url, transport, timeoutMs };
}

function createTranslating(config: LangSmithExporterConfig, base: URL, transport: HttpTransport): Exporter {
  const url = joinUrl(base, "otel/v1/traces");
  const project = config.project ?? DEFAULT_PROJECT;
  // A header carries ASCII only. Any other project is named on each span, which the server reads first.
  const projectInHeader = headerValueProblem(project) === undefined;
  const options = { ...runOptions(config), ...(projectInHeader ? {} : { project }) };
  const compression = config.compression ?? "gzip";
  return {
    wants: "data",
    async send(batch: ExportBatch, abort: AbortSignal): Promise<Outcome> {
      const translated = batch.parts.map((part): TracesData =>
        translateTraces(partData("traces", part), options),
      );
      const { body, encoding } = await encodeObjects("traces", translated, compression);
      const headers: Record<string, string> = {
        "content-type": "application/x-protobuf",
        "user-agent": "counterfoil",
        "x-api-key": config.apiKey,
      };
      if (projectInHeader) headers["langsmith-project"] = project;
      if (encoding !== undefined) headers["content-encoding"] = encoding;
      if (config.workspaceId !== undefined) headers["x-tenant-id"] = config.workspaceId;
      const answer = await transport.post({ url, headers, body }, abort);
      const outcome = classifyAnswer(answer, LANGSMITH_STATUSES, Date.now());
      if (outcome !== undefined || "failure" in answer) return outcome ?? { kind: "delivered" };
      return readExportAnswer("traces", answer);
    },
    async close() {
      transport.close();
    },
  };
}

function createNative(
  config: LangSmithExporterConfig,
  base: URL,
  transport: HttpTransport,
  timeoutMs: number,
): CreatedLangSmithExporter {
  const tree = new TraceTree();
  const client = new NativeClient({
    apiUrl: base.href.replace(/\/$/, ""),
    apiKey: config.apiKey,
    ...(config.workspaceId === undefined ? {} : { workspaceId: config.workspaceId }),
    timeoutMs,
    transport,
  });
  const exporter: Exporter = {
    wants: "data",
    send: (batch, abort) => client.send(runsOf(batch, tree, config), abort),
    async close() {
      transport.close();
    },
  };
  return { exporter, tree };
}

/** The batch's runs, parents before children. What came as runs goes on as it was. */
function runsOf(batch: ExportBatch, tree: TraceTree, config: LangSmithExporterConfig) {
  const project = config.project ?? DEFAULT_PROJECT;
  const options = { ...runOptions(config), project };
  const runs: OutgoingRun[] = [];
  for (const part of batch.parts) {
    for (const { resource, scopeSpans } of partData("traces", part).resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          const place = tree.place(span);
          const native = nativeRun(span, project);
          runs.push(
            native ?? { run: spanToRun(span, resource, scope, { ...options, place }), update: false },
          );
        }
      }
    }
  }
  const { creates, updates } = latestRuns(runs);
  const byOrder = (left: Run, right: Run): number => (left.dotted_order < right.dotted_order ? -1 : 1);
  return { creates: creates.sort(byOrder), updates: updates.sort(byOrder) };
}

function runOptions(config: LangSmithExporterConfig): RunOptions {
  return config.projects === undefined ? {} : { projects: config.projects };
}
