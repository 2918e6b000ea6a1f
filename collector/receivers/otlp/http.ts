import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Server as NetServer } from "node:net";
import {
  type Api,
  CONNECTIONS_MAX,
  CounterfoilError,
  encodeExportResponse,
  errorMessage,
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LISTEN_BACKLOG,
  REQUEST_TIMEOUT_MS,
  type Signal,
} from "../../../schema/index.js";
import type { Ingest, OtlpArrival } from "../../ingest/ingest.js";
import { wireStatus } from "../../ingest/status.js";
import { type ApiExchange, publicPreflight, serveApi } from "../rest/api-request.js";
import type { KeyCheck } from "./auth.js";
import { declaredLength, readBody, releaseBody } from "./http-body.js";
import { refuse, sendEmpty, sendReply, statusReply, textReply, type Reply } from "./http-reply.js";
import { encodingOf, formatOf, MEDIA_TYPES, type Format } from "./media.js";
import { hostAllowed, originAllowed, type WebPolicy } from "./origin.js";

/** Answers what is not OTLP (health, metrics, control). Undefined when the path is not its own. */
export type Pages = (request: IncomingMessage, path: string) => Promise<Reply> | undefined;

/** What an OTLP/HTTP listener needs. */
export interface HttpReceiverOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Paths by signal; a signal without a pipeline has none. */
  readonly paths: ReadonlyMap<string, Signal>;
  readonly ingest: Ingest;
  readonly keys: KeyCheck;
  readonly web: WebPolicy;
  /** Largest body, before and after decompression. */
  readonly bodyBytesMax: number;
  readonly pages?: Pages;
  /** What serves the paths that are neither OTLP nor pages. */
  readonly api?: Api;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly connectionsMax?: number;
  /** A connection beyond the cap was turned away. */
  readonly onConnectionRefused?: () => void;
  /** An unexpected failure of our own, to be logged. */
  readonly onError?: (error: unknown) => void;
}

/** A listening receiver. */
export interface Receiver {
  readonly host: string;
  readonly port: number;
  /** Stops listening, lets requests in progress finish until `deadlineMs`, then closes what is left. */
  close(deadlineMs: number): Promise<void>;
}

/** Starts an OTLP/HTTP listener. Rejects with CF_LISTEN_FAILED when the address can't be had. */
export async function startHttpReceiver(options: HttpReceiverOptions): Promise<Receiver> {
  const headersTimeout = options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const server = createServer({
    headersTimeout,
    requestTimeout,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // Node looks for late connections only this often; its default of 30 s would stretch both time-outs.
    connectionsCheckingInterval: Math.max(50, Math.min(1_000, headersTimeout / 4)),
  });
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
  const handle = (request: IncomingMessage, response: ServerResponse, wantsContinue: boolean): void => {
    request.on("error", ignore);
    response.on("error", ignore);
    dispatch(options, { request, response, wantsContinue }).catch((error: unknown) => {
      options.onError?.(error);
      refuse(request, response, textReply(500, "The collector failed to handle the request."));
    });
  };
  server.on("request", (request, response) => handle(request, response, false));
  server.on("checkContinue", (request, response) => handle(request, response, true));
  server.on("drop", () => options.onConnectionRefused?.());
  const port = await listen(server, options.host, options.port);
  return { host: options.host, port, close: (deadlineMs) => closeServer(server, deadlineMs) };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly wantsContinue: boolean;
}

async function dispatch(options: HttpReceiverOptions, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const signal = options.paths.get(path);
  if (signal !== undefined) return receive(options, exchange, signal);
  const preflight = publicMethods(options.api, request, path);
  if (preflight !== "") return refuse(request, response, publicPreflight(preflight));
  const handler = options.api?.find(request.method ?? "GET", path);
  if (handler !== undefined && options.api !== undefined) {
    return dispatchApi({ ...options, api: options.api }, { ...exchange, handler, path });
  }
  if (!hostAllowed(request.headers.host, options.web)) {
    return refuse(request, response, textReply(403, "This Host is not allowed here; see allowed_hosts."));
  }
  if (!originAllowed(request.headers.origin, request.headers.host, { ...options.web, allowedOrigins: [] })) {
    return refuse(request, response, textReply(403, "Requests from other web sites are not allowed here."));
  }
  if (exchange.wantsContinue) response.writeContinue();
  const page = options.pages?.(request, path);
  if (page === undefined) return refuse(request, response, textReply(404, `There is nothing at this path.`));
  refuse(request, response, await page);
}

/** The methods of a public path, when a browser asks what a page of another site may do there; else empty. */
function publicMethods(api: Api | undefined, request: IncomingMessage, path: string): string {
  if (request.method !== "OPTIONS" || api?.isPublic === undefined) return "";
  return ["GET", "POST"].filter((method) => api.isPublic?.(method, path)).join(", ");
}

/** A page of another site must not read the mirror: by its own origin, or by a name that it lets point here. */
function dispatchApi(
  options: HttpReceiverOptions & { readonly api: Api },
  exchange: ApiExchange,
): Promise<void> | void {
  const { request, response, path } = exchange;
  const { host, origin } = request.headers;
  if (options.api.isPublic?.(request.method ?? "GET", path))
    return serveApi(options, { ...exchange, isPublic: true });
  if (!options.keys.required && !hostAllowed(host, options.web)) {
    return refuse(request, response, textReply(403, "This Host is not allowed here; see allowed_hosts."));
  }
  if (!originAllowed(origin, host, { ...options.web, allowedOrigins: [] })) {
    return refuse(request, response, textReply(403, "Requests from other web sites are not allowed here."));
  }
  return serveApi(options, exchange);
}

/** One OTLP request, from its headers to its answer. */
async function receive(options: HttpReceiverOptions, exchange: Exchange, signal: Signal): Promise<void> {
  const { request, response } = exchange;
  const { headers } = request;
  const arrival: OtlpArrival = { signal, receiver: "otlp", transport: "http" };
  const format = formatOf(headers["content-type"]);
  if (!originAllowed(headers.origin, headers.host, options.web)) {
    return refuse(
      request,
      response,
      textReply(403, "Requests from this web site are not allowed; see cors."),
    );
  }
  const cors = corsHeaders(options.web, headers.origin);
  if (request.method === "OPTIONS" && cors !== undefined) return preflight(response, cors);
  if (request.method !== "POST") {
    return refuse(request, response, textReply(405, "Send OTLP with POST.", { allow: "POST", ...cors }));
  }
  try {
    options.keys.check((name) => single(headers[name]));
    if (format === undefined) {
      throw new CounterfoilError(
        "CF_ENCODING_UNSUPPORTED",
        `Content-Type must be ${MEDIA_TYPES.protobuf} or ${MEDIA_TYPES.json} (UTF-8).`,
      );
    }
    const body = await receiveBody(options, exchange, { arrival, format });
    const contentType = MEDIA_TYPES[format];
    if (body.length === 0 && cors === undefined) sendEmpty(response, contentType);
    else sendReply(response, { status: 200, contentType, headers: { ...cors }, body });
  } catch (error) {
    if (error instanceof CounterfoilError && error.code === "CF_REQUEST_ABORTED") return;
    const status = wireStatus(error);
    if (status.http === 500) options.onError?.(error);
    const reply =
      status.http === 415
        ? textReply(415, status.message, { "accept-encoding": "gzip, deflate, zstd", ...cors })
        : statusReply(status, format ?? "json", { ...cors });
    refuse(request, response, reply);
  }
}

/** Reads, stores, and gives the body of the 200 answer: it exists only after the journal said that it is durable (I1). */
async function receiveBody(
  options: HttpReceiverOptions,
  { request, response, wantsContinue }: Exchange,
  { arrival, format }: { arrival: OtlpArrival; format: Format },
): Promise<Uint8Array> {
  const { ingest, bodyBytesMax: bytesMax } = options;
  const encoding = encodingOf(single(request.headers["content-encoding"]));
  const reservation = ingest.admit(arrival, { declaredBytes: declaredLength(request), bytesMax });
  const { signal, receiver, transport } = arrival;
  let bytes: Uint8Array | undefined;
  try {
    if (wantsContinue) response.writeContinue();
    try {
      bytes = await readBody(request, reservation, bytesMax);
    } catch (error) {
      ingest.count(arrival, 0, error);
      throw error;
    }
    const { rejected, reason } = await ingest.accept({
      // One by one: spread into a new object, V8 makes a hidden class for each request.
      signal,
      receiver,
      transport,
      format,
      encoding,
      bytes,
      bytesMax,
      reservation,
    });
    return encodeExportResponse(signal, { rejected, message: reason }, format);
  } finally {
    // Settled: the journal has written the bytes or given them up, so their memory can serve the next request.
    if (bytes !== undefined) releaseBody(bytes);
    reservation.release();
  }
}

function corsHeaders(web: WebPolicy, origin: string | undefined): Record<string, string> | undefined {
  if (origin === undefined || web.allowedOrigins.length === 0) return undefined;
  return { "access-control-allow-origin": origin, vary: "Origin" };
}

function preflight(response: ServerResponse, cors: Record<string, string>): void {
  response.writeHead(204, {
    ...cors,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type, content-encoding, authorization, x-api-key",
    "access-control-max-age": "600",
  });
  response.end();
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}

function ignore(): void {
  // A broken connection shows as "close"; nobody is left to be told.
}

/** Binds a server. Shared with the gRPC receiver. */
export function listen(server: NetServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const why =
        error.code === "EADDRINUSE"
          ? "the port is in use. Stop its owner or choose another port"
          : errorMessage(error);
      reject(
        new CounterfoilError("CF_LISTEN_FAILED", `Can't listen on ${host}:${port}: ${why}.`, {
          cause: error,
        }),
      );
    };
    server.once("error", onError);
    server.listen({ host: host.replace(/^\[|\]$/g, ""), port, backlog: LISTEN_BACKLOG }, () => {
      server.off("error", onError);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function closeServer(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), deadlineMs);
    // A kept-alive connection whose last answer has gone out would otherwise hold the close for its whole time-out.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    server.close(() => {
      clearTimeout(timer);
      clearInterval(idle);
      resolve();
    });
  });
}
