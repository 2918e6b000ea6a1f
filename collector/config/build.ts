import type { ProcessorConfig } from "../../exporters/processors/index.js";
import { SIGNALS, type Signal } from "../../schema/index.js";
import { isLoopback } from "../receivers/otlp/origin.js";
import {
  buildDelivery,
  buildExporter,
  buildProcessor,
  buildRecords,
  pushesSpans,
} from "./build-components.js";
import { nearest, type ConfigPath } from "./problem.js";
import { PIPELINE_PATTERN, type ConfigDocument } from "./schema.js";
import type { CollectorConfig, DestinationConfig, HttpConfig, ListenConfig } from "./types.js";
import { durationMs, sizeBytes } from "./units.js";

/** Where problems of meaning go: errors stop the start, warnings are logged. */
export interface Report {
  error(path: ConfigPath, message: string, key?: boolean): void;
  warn(path: ConfigPath, message: string, key?: boolean): void;
}

/** Turns a validated document into what the service runs from. The result is good only if nothing was reported as error. */
export function buildConfig(document: ConfigDocument, report: Report): CollectorConfig {
  const pipelines = readPipelines(document.service.pipelines, idsOf(document), report);
  const signals = SIGNALS.filter((signal) => pipelines.some((pipeline) => pipeline.signal === signal));
  const { http, grpc } = document.receivers["otlp"]?.protocols ?? {};
  const { journal, mirror } = document;
  const { max_age: maxAge, max_size: maxSize } = mirror.retention;
  return {
    http: http === undefined ? undefined : buildHttp(http, signals, report),
    grpc: grpc === undefined ? undefined : buildGrpc(grpc, report),
    inflightBytesMax: sizeBytes(document.receivers["otlp"]?.max_inflight_size ?? 0),
    signals,
    destinations: buildDestinations(document, pipelines),
    journal: {
      bytesMax: sizeBytes(journal.max_size),
      segmentBytes: sizeBytes(journal.segment_size),
      whenFull: journal.when_full,
    },
    mirror: {
      workers: mirror.workers,
      compaction: {
        enabled: mirror.compaction.enabled,
        intervalMs: durationMs(mirror.compaction.interval),
      },
      retention: {
        maxAgeMs: maxAge === undefined ? undefined : durationMs(maxAge),
        maxBytes: maxSize === undefined ? undefined : sizeBytes(maxSize),
      },
    },
    prices: { file: document.prices.file },
    logLevel: document.telemetry.logs.level,
    droppedDestinations: document.service.dropped_destinations,
    document,
  };
}

/** One pipeline, checked. */
export interface Pipeline {
  readonly id: string;
  readonly signal: Signal;
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

/** Component ids that a configuration defines. */
export interface DefinedIds {
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

/** The ids under each section; the mirror is there without being named. */
export function idsOf(sections: {
  receivers?: unknown;
  processors?: unknown;
  exporters?: unknown;
}): DefinedIds {
  const keys = (value: unknown): string[] =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  return {
    receivers: keys(sections.receivers),
    processors: keys(sections.processors),
    exporters: [...new Set([...keys(sections.exporters), "mirror"])],
  };
}

/** Reads and checks the pipelines: names, references, and that no exporter gets a signal twice. */
export function readPipelines(
  written: ConfigDocument["service"]["pipelines"],
  defined: DefinedIds,
  report: Report,
): Pipeline[] {
  const pipelines: Pipeline[] = [];
  const users = new Map<string, string>();
  for (const [id, pipeline] of Object.entries(written)) {
    const path = ["service", "pipelines", id];
    const signal = PIPELINE_PATTERN.exec(id)?.[1] as Signal | undefined;
    if (signal === undefined) {
      const near = nearest(id, SIGNALS);
      const hint = near === undefined ? "" : `; did you mean "${near}"?`;
      report.error(
        path,
        `a pipeline is named traces, logs or metrics, or one of them with a /name${hint}`,
        true,
      );
      continue;
    }
    for (const kind of ["receivers", "processors", "exporters"] as const) {
      checkReferences(pipeline[kind], { kind, path: [...path, kind], known: defined[kind], report });
    }
    pipeline.exporters.forEach((exporter, index) => {
      const use = `${signal} ${exporter}`;
      const other = users.get(use);
      if (other !== undefined) {
        const where = other === id ? "in this pipeline" : `in the pipeline ${other}`;
        report.error([...path, "exporters", index], `${exporter} already receives ${signal} ${where}`);
      }
      users.set(use, id);
    });
    if (pipeline.exporters.includes("mirror") && pipeline.processors.length > 0) {
      report.warn(
        [...path, "processors"],
        "processors do not apply to the mirror, which keeps the full copy; they apply to the other exporters here",
      );
    }
    pipelines.push({ id, signal, processors: pipeline.processors, exporters: pipeline.exporters });
  }
  return pipelines;
}

interface ReferenceCheck {
  readonly kind: string;
  readonly path: ConfigPath;
  readonly known: readonly string[];
  readonly report: Report;
}

function checkReferences(names: readonly string[], { kind, path, known, report }: ReferenceCheck): void {
  names.forEach((name, index) => {
    if (known.includes(name)) {
      if (kind !== "exporters" && names.indexOf(name) !== index) {
        report.error([...path, index], `${name} is listed twice`);
      }
      return;
    }
    const near = nearest(name, known);
    const hint = near === undefined ? "" : `; did you mean "${near}"?`;
    report.error([...path, index], `"${name}" is not defined under ${kind}${hint}`);
  });
}

/** Warns about what is defined and not used, and about signals that the mirror will not have. */
export function warnUnused(defined: DefinedIds, pipelines: readonly Pipeline[], report: Report): void {
  for (const kind of ["processors", "exporters"] as const) {
    const used = new Set(pipelines.flatMap((pipeline) => pipeline[kind]));
    for (const id of defined[kind]) {
      if (!used.has(id) && id !== "mirror") report.warn([kind, id], "no pipeline uses it", true);
    }
  }
  for (const signal of new Set(pipelines.map((pipeline) => pipeline.signal))) {
    const kept = pipelines.some((each) => each.signal === signal && each.exporters.includes("mirror"));
    if (!kept) {
      report.warn(
        ["service", "pipelines"],
        `no pipeline of ${signal} names the mirror; the mirror keeps them all the same`,
      );
    }
  }
}

/** Nothing leaves around a redaction (I7): processors know telemetry, not records. `exporters` are as they are written. */
export function checkPush(
  exporters: Readonly<Record<string, unknown>>,
  pipelines: readonly Pipeline[],
  report: Report,
): void {
  const redacted = pipelines.filter(({ processors }) =>
    processors.some((id) => /^redaction(?:\/|$)/.test(id)),
  );
  for (const name of new Set(redacted.flatMap((pipeline) => pipeline.exporters))) {
    const settings = exporters[name];
    const push = typeof settings === "object" && settings !== null && "push" in settings ? settings.push : [];
    if (!Array.isArray(push) || !push.some((each) => each !== "spans")) continue;
    report.error(
      ["exporters", name, "push"],
      "records are not redacted, and a pipeline to this exporter has a redaction processor; push spans only",
    );
  }
}

function buildDestinations(document: ConfigDocument, pipelines: readonly Pipeline[]): DestinationConfig[] {
  return Object.entries(document.exporters).flatMap(([name, exporterDocument]) => {
    const uses = pipelines.filter((pipeline) => pipeline.exporters.includes(name));
    const exporter = buildExporter(exporterDocument);
    if (uses.length === 0 || exporter === undefined) return [];
    const processors = uses.flatMap(({ signal, processors: ids }): ProcessorConfig[] =>
      ids.flatMap((id) => {
        const processor = document.processors[id];
        return processor === undefined ? [] : [{ ...buildProcessor(id, processor), signals: [signal] }];
      }),
    );
    const signals = SIGNALS.filter((signal) => uses.some((use) => use.signal === signal));
    const delivery = buildDelivery(exporterDocument);
    const records = buildRecords(exporterDocument);
    return [
      ...(pushesSpans(exporterDocument) ? [{ name, exporter, delivery, signals, processors }] : []),
      // A destination of its own: records go in order, one after another, and have an account of their own.
      ...(records === undefined
        ? []
        : [
            {
              name: `${name}.records`,
              exporter: records,
              delivery,
              signals: ["records"] as const,
              processors: [],
            },
          ]),
    ];
  });
}

type Protocols = ConfigDocument["receivers"][string]["protocols"];
type HttpDocument = NonNullable<Protocols["http"]>;
type GrpcDocument = NonNullable<Protocols["grpc"]>;

/** The HTTP listener; reports paths used twice and an address open to all. */
export function buildHttp(http: HttpDocument, signals: readonly Signal[], report: Report): HttpConfig {
  const paths = new Map<string, Signal>();
  for (const signal of SIGNALS) {
    http.paths[signal].forEach((path, index) => {
      const owner = paths.get(path);
      if (owner !== undefined) {
        const where = ["receivers", "otlp", "protocols", "http", "paths", signal, index];
        report.error(where, `${path} is already the path of ${owner}`);
      }
      paths.set(path, signal);
    });
  }
  return {
    ...buildListen(http, "http", report),
    bodyBytesMax: sizeBytes(http.max_request_body_size),
    headersTimeoutMs: durationMs(http.headers_timeout),
    allowedHosts: http.allowed_hosts.map((host) => host.toLowerCase()),
    allowedOrigins: http.cors.allowed_origins,
    paths: new Map([...paths].filter(([, signal]) => signals.includes(signal))),
  };
}

/** The gRPC listener; reports an address open to all. */
export function buildGrpc(grpc: GrpcDocument, report: Report): ListenConfig {
  return { ...buildListen(grpc, "grpc", report), bodyBytesMax: sizeBytes(grpc.max_recv_msg_size) };
}

function buildListen(
  listen: HttpDocument | GrpcDocument,
  protocol: string,
  report: Report,
): Omit<ListenConfig, "bodyBytesMax"> {
  const { host, port } = parseEndpoint(listen.endpoint);
  if (!isLoopback(host) && listen.auth.api_keys.length === 0 && !listen.allow_unauthenticated) {
    report.error(
      ["receivers", "otlp", "protocols", protocol, "endpoint"],
      `${listen.endpoint} can be reached from other machines without a key: set auth.api_keys, listen on 127.0.0.1, or set allow_unauthenticated: true`,
    );
  }
  return {
    host,
    port,
    apiKeys: listen.auth.api_keys,
    allowUnauthenticated: listen.allow_unauthenticated,
    connectionsMax: listen.max_connections,
    requestTimeoutMs: durationMs(listen.request_timeout),
  };
}

/** Host and port of an endpoint that the schema accepted. An empty host is every address, as in the Collector. */
export function parseEndpoint(endpoint: string): { host: string; port: number } {
  const colon = endpoint.lastIndexOf(":");
  const host = endpoint.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host: host === "" ? "0.0.0.0" : host, port: Number(endpoint.slice(colon + 1)) };
}
