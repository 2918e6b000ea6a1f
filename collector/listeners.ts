import { type Api, CounterfoilError, errorMessage } from "../schema/index.js";
import type { CollectorConfig, ListenConfig } from "./config/types.js";
import type { Ingest } from "./ingest/ingest.js";
import { connectionsPossible } from "./open-files.js";
import { createPages, type PageSource } from "./pages/pages.js";
import { KeyCheck } from "./receivers/otlp/auth.js";
import { startGrpcReceiver } from "./receivers/otlp/grpc.js";
import { startHttpReceiver, type Receiver } from "./receivers/otlp/http.js";
import { isLoopback } from "./receivers/otlp/origin.js";
import type { Logger } from "./telemetry/logger.js";
import type { ReceiverCounters } from "./telemetry/receiver-counters.js";

/** The open ports of a service. */
export interface Listeners {
  readonly ports: { readonly http?: number; readonly grpc?: number };
  close(deadlineMs: number): Promise<void>;
}

/** What the listeners serve. */
export interface ListenerOptions {
  readonly host?: string;
  readonly httpPort?: number;
  readonly grpcPort?: number;
  /** Files and connections that the process may have open; undefined when that is not known. */
  readonly openFilesMax: number | undefined;
  readonly log: Logger;
  readonly ingest: Ingest;
  readonly receivers: ReceiverCounters;
  readonly pages: PageSource;
  readonly api?: Api;
}

/** Opens the configured ports, all or none. Throws CF_LISTEN_FAILED. */
export async function startListeners(config: CollectorConfig, options: ListenerOptions): Promise<Listeners> {
  const open: Receiver[] = [];
  tellConnectionCap(config, options);
  try {
    const http = config.http === undefined ? undefined : await startHttp(config.http, config, options);
    if (http !== undefined) open.push(http);
    const grpc = config.grpc === undefined ? undefined : await startGrpc(config.grpc, config, options);
    if (grpc !== undefined) open.push(grpc);
    return {
      ports: {
        ...(http === undefined ? {} : { http: http.port }),
        ...(grpc === undefined ? {} : { grpc: grpc.port }),
      },
      close: async (deadlineMs) => {
        await Promise.all(open.map((receiver) => receiver.close(deadlineMs)));
      },
    };
  } catch (error) {
    await Promise.all(open.map((receiver) => receiver.close(0)));
    throw error;
  }
}

function startHttp(
  http: NonNullable<CollectorConfig["http"]>,
  config: CollectorConfig,
  options: ListenerOptions,
): Promise<Receiver> {
  const common = commonOptions(http, config, options);
  return startHttpReceiver({
    ...common,
    port: options.httpPort ?? http.port,
    paths: http.paths,
    web: {
      allowedHosts: [...http.allowedHosts, common.host.toLowerCase()],
      allowedOrigins: http.allowedOrigins,
    },
    pages: createPages(options.pages, common.keys),
    ...(options.api === undefined ? {} : { api: options.api }),
    headersTimeoutMs: http.headersTimeoutMs,
  });
}

function startGrpc(grpc: ListenConfig, config: CollectorConfig, options: ListenerOptions): Promise<Receiver> {
  return startGrpcReceiver({
    ...commonOptions(grpc, config, options),
    port: options.grpcPort ?? grpc.port,
    signals: config.signals,
  });
}

/** Throws CF_CONFIG_INVALID when a listener could be reached from other machines without a key. `host` wins, if given. */
export function checkAddresses(config: CollectorConfig, host: string | undefined): void {
  for (const listen of [config.http, config.grpc]) {
    if (listen !== undefined) checkAddress(listen, host ?? listen.host);
  }
}

function checkAddress(listen: ListenConfig, host: string): void {
  if (!isLoopback(host) && listen.apiKeys.length === 0 && !listen.allowUnauthenticated) {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      `${host} can be reached from other machines without a key: set auth.api_keys in a configuration file, listen on 127.0.0.1, or set allow_unauthenticated: true there.`,
    );
  }
}

/** What the system's limit on open files leaves for each listener. */
function connectionCap(config: CollectorConfig, { openFilesMax }: ListenerOptions): number {
  const listeners = [config.http, config.grpc].filter((listen) => listen !== undefined).length;
  return connectionsPossible(openFilesMax, listeners);
}

function tellConnectionCap(config: CollectorConfig, options: ListenerOptions): void {
  const cap = connectionCap(config, options);
  const wanted = Math.max(config.http?.connectionsMax ?? 0, config.grpc?.connectionsMax ?? 0);
  if (wanted <= cap) return;
  options.log.info(
    { max_connections: wanted, possible: cap, open_files: options.openFilesMax },
    "The system's limit on open files allows fewer connections than max_connections; raise it (ulimit -n, LimitNOFILE)",
  );
}

function commonOptions(listen: ListenConfig, config: CollectorConfig, options: ListenerOptions) {
  return {
    host: options.host ?? listen.host,
    ingest: options.ingest,
    keys: new KeyCheck(listen.apiKeys),
    bodyBytesMax: listen.bodyBytesMax,
    requestTimeoutMs: listen.requestTimeoutMs,
    connectionsMax: Math.min(listen.connectionsMax, connectionCap(config, options)),
    onConnectionRefused: () => {
      options.receivers.connectionsRefused += 1;
    },
    onError: (error: unknown) => {
      options.log.error({ error: errorMessage(error) }, "A request failed because of a fault of ours");
    },
  };
}
