import { resolve } from "node:path";
import { type CollectorConfig } from "../../collector/config/index.js";
import { dataDirPaths } from "../../store/index.js";
import { type Paint } from "../output/paint.js";
import { inert } from "../output/text.js";

/** What `start` tells once it serves. */
export interface BannerFacts {
  readonly version: string;
  readonly dataDir: string;
  readonly config: CollectorConfig;
  /** Base URL of the HTTP port; absent when HTTP is off. */
  readonly httpUrl: string | undefined;
  readonly grpcUrl: string | undefined;
  /** How the user calls the command line. */
  readonly command: string;
}

/** Addresses, lines to paste, destinations and where the data is. Holds no secret. */
export function startBanner(facts: BannerFacts, paint: Paint): string {
  const { httpUrl, grpcUrl } = facts;
  const endpoint = httpUrl ?? grpcUrl ?? "";
  const sections = [
    `${paint.bold(`Counterfoil ${facts.version}`)} is ready. Ctrl-C stops it.`,
    rows([
      ["OTLP/HTTP", httpUrl ?? "off"],
      ["OTLP/gRPC", grpcUrl ?? "off"],
      ...(httpUrl === undefined
        ? []
        : ([
            ["status", `${httpUrl}/api/v1/status`],
            ["metrics", `${httpUrl}/metrics`],
          ] as const)),
    ]),
    `${paint.dim("For your agent's environment:")}\n${environmentLines(endpoint, httpUrl !== undefined, needsKey(facts))}`,
    `${paint.dim("Everything accepted goes to:")}\n${rows(destinationRows(facts.config, facts.dataDir))}`,
    `${paint.dim("Ask, from another terminal:")}\n${[
      `  ${facts.command} traces list${dataDirFlag(facts.dataDir)}`,
      `  ${facts.command} sql${dataDirFlag(facts.dataDir)} "SELECT name, duration_ns, cost_usd FROM traces ORDER BY start_time DESC LIMIT 10"`,
    ].join("\n")}`,
  ];
  return `${sections.join("\n\n")}\n`;
}

function needsKey({ config, httpUrl }: BannerFacts): boolean {
  const listener = httpUrl === undefined ? config.grpc : config.http;
  return (listener?.apiKeys.length ?? 0) > 0;
}

/** The lines to paste: the variables that every OTel SDK reads. A key is named, never shown. */
export function environmentLines(endpoint: string, isHttp: boolean, needsApiKey = false): string {
  return [
    `  export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`,
    `  export OTEL_EXPORTER_OTLP_PROTOCOL=${isHttp ? "http/protobuf" : "grpc"}`,
    ...(needsApiKey
      ? ["  export OTEL_EXPORTER_OTLP_HEADERS=x-api-key=YOUR_KEY   # one of auth.api_keys"]
      : []),
    "  export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
  ].join("\n");
}

function destinationRows(config: CollectorConfig, dataDir: string): (readonly [string, string])[] {
  const { mirror } = dataDirPaths(resolve(dataDir));
  const found: (readonly [string, string])[] = [
    ["mirror", `Parquet in ${mirror}`],
    ["", `in any DuckDB: cd ${shellWord(mirror)} && duckdb -init open.sql`],
  ];
  for (const { name, exporter } of config.destinations)
    found.push([inert(name), inert(describeExporter(exporter))]);
  if (!config.destinations.some(({ exporter }) => exporter.type === "langsmith")) {
    found.push(["langsmith", "not sent; set LANGSMITH_API_KEY, or see docs/configuration.md"]);
  }
  return found;
}

function describeExporter(exporter: CollectorConfig["destinations"][number]["exporter"]): string {
  switch (exporter.type) {
    case "langsmith":
      return `project "${exporter.project ?? "default"}" at ${originOf(exporter.endpoint ?? "https://api.smith.langchain.com")}`;
    case "langsmith_records":
      return `${exporter.push.join(", ")} at ${originOf(exporter.endpoint ?? "https://api.smith.langchain.com")}`;
    case "otlp_http":
      return `OTLP at ${originOf(exporter.endpoint ?? Object.values(exporter.endpoints ?? {})[0] ?? "")}`;
    case "file":
      return `OTLP JSON Lines in ${resolve(exporter.path)}`;
  }
}

/** Scheme, host and port only: paths and user names of addresses may be secrets. */
function originOf(address: string): string {
  return URL.canParse(address) ? new URL(address).origin : "(no address)";
}

function rows(pairs: readonly (readonly [string, string])[]): string {
  const cells = Math.max(...pairs.map(([label]) => label.length));
  return pairs.map(([label, text]) => `  ${label.padEnd(cells)}  ${text}`).join("\n");
}

/** The option that makes another command read the same data; empty for the default. */
export function dataDirFlag(dataDir: string): string {
  if (dataDir === "./counterfoil-data") return "";
  return ` --data-dir ${shellWord(dataDir)}`;
}

/** A path as one word of a POSIX shell, quoted only when it must be. */
export function shellWord(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
