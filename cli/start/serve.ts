import { type CollectorConfig } from "../../collector/config/index.js";
import { createApi } from "../../api/index.js";
import { type Collector, createLogger, startCollector } from "../../collector/index.js";
import { removeServerFile, writeServerFile } from "../server-file.js";
import { VERSION } from "../version.js";

/** Time for requests in progress and one last flush of every destination. */
const DRAIN_MS = 10_000;

/** What to serve. */
export interface ServeOptions {
  readonly config: CollectorConfig;
  readonly dataDir: string;
  readonly host?: string | undefined;
  readonly httpPort?: number | undefined;
  readonly grpcPort?: number | undefined;
  readonly logLevel?: CollectorConfig["logLevel"] | undefined;
}

/** A collector that other commands can find. */
export interface Serving {
  readonly collector: Collector;
  /** Base of the HTTP port, absent when HTTP is off. */
  readonly httpUrl: string | undefined;
  readonly grpcUrl: string | undefined;
  /** Drains, stops and takes the server file away. */
  stop(): Promise<void>;
}

/** Starts a collector in this process and leaves `server.json` in its data directory. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { config, dataDir, host, httpPort, grpcPort } = options;
  const collector = await startCollector(config, {
    dataDir,
    createApi,
    logger: createLogger(options.logLevel ?? config.logLevel),
    ...(host === undefined ? {} : { host }),
    ...(httpPort === undefined ? {} : { httpPort }),
    ...(grpcPort === undefined ? {} : { grpcPort }),
  });
  const { http, grpc } = collector.ports;
  const httpUrl = http === undefined ? undefined : baseUrl(host ?? config.http?.host ?? "", http);
  const grpcUrl = grpc === undefined ? undefined : baseUrl(host ?? config.grpc?.host ?? "", grpc);
  writeServerFile(dataDir, {
    pid: process.pid,
    started_at: new Date().toISOString(),
    version: VERSION,
    ...(httpUrl === undefined ? {} : { url: httpUrl, http_port: http }),
    ...(grpcUrl === undefined ? {} : { grpc_url: grpcUrl, grpc_port: grpc }),
  });
  return {
    collector,
    httpUrl,
    grpcUrl,
    stop: async () => {
      await collector.shutdown(DRAIN_MS);
      removeServerFile(dataDir);
    },
  };
}

/** The address to use from this machine: one that listens everywhere is reached at 127.0.0.1. */
function baseUrl(host: string, port: number): string {
  const name =
    host === "" || host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.replace(/^\[|\]$/g, "");
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
