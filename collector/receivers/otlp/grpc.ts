import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createNetServer, type Server, type Socket } from "node:net";
import type { PayloadEncoding } from "../../../journal/index.js";
import {
  CONNECTIONS_MAX,
  CounterfoilError,
  encodeExportResponse,
  encodeStatus,
  GRPC_STREAMS_MAX,
  GRPC_WINDOW_BYTES,
  HEADERS_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  type Signal,
} from "../../../schema/index.js";
import type { Reservation } from "../../ingest/admission.js";
import type { Ingest, OtlpArrival } from "../../ingest/ingest.js";
import { GRPC_STATUS, wireStatus, type WireStatus } from "../../ingest/status.js";
import type { KeyCheck } from "./auth.js";
import { bodyBuffers } from "./body-buffers.js";
import { encodeGrpcMessage, frameMessage, GrpcMessageReader, type GrpcMessage } from "./grpc-frames.js";
import { listen, type Receiver } from "./http.js";
import { inTurns } from "./in-turns.js";

/** What an OTLP/gRPC listener needs. */
export interface GrpcReceiverOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Signals that have a pipeline; the services of others answer UNIMPLEMENTED. */
  readonly signals: readonly Signal[];
  readonly ingest: Ingest;
  readonly keys: KeyCheck;
  readonly bodyBytesMax: number;
  readonly requestTimeoutMs?: number;
  /** Time for a new connection to show that it speaks HTTP/2. */
  readonly prefaceTimeoutMs?: number;
  readonly connectionsMax?: number;
  readonly onConnectionRefused?: () => void;
  /** An unexpected failure of our own, to be logged. */
  readonly onError?: (error: unknown) => void;
}

const METHODS: Readonly<Record<string, Signal>> = {
  "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
  "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
  "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
};

const CONTENT_TYPE = "application/grpc";
const PREFACE = Buffer.from("PRI * HTTP/2.0");
const NOT_HTTP2 =
  "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n" +
  "This port speaks OTLP/gRPC (HTTP/2 without TLS). Send OTLP/HTTP to the HTTP port, 4318 by default.\n";

/** Starts an OTLP/gRPC listener (h2c, unary Export only). Rejects with CF_LISTEN_FAILED when the address can't be had. */
export async function startGrpcReceiver(options: GrpcReceiverOptions): Promise<Receiver> {
  const sessions = new Set<ServerHttp2Session>();
  const http2 = createServer({
    settings: { maxConcurrentStreams: GRPC_STREAMS_MAX, initialWindowSize: GRPC_WINDOW_BYTES },
  });
  http2.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // Without this the connection's own window (64 KiB) would throttle every stream to it.
    session.setLocalWindowSize(GRPC_WINDOW_BYTES * 4);
    session.on("error", ignore);
  });
  http2.on("stream", (stream, headers) => {
    stream.on("error", ignore);
    serve(options, stream, headers).catch((error: unknown) => options.onError?.(error));
  });
  const sockets = new Set<Socket>();
  const open = inTurns((socket) => http2.emit("connection", socket));
  const meet = inTurns((socket) => greet(open, socket, options.prefaceTimeoutMs ?? HEADERS_TIMEOUT_MS));
  const server = createNetServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", ignore);
    meet(socket);
  });
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
  server.on("drop", () => options.onConnectionRefused?.());
  const port = await listen(server, options.host, options.port);
  return {
    host: options.host,
    port,
    close: (deadlineMs) => close({ server, sessions, sockets, deadlineMs }),
  };
}

/** Looks at the first bytes, so that an HTTP/1 client gets an answer that it can read. */
function greet(open: (socket: Socket) => void, socket: Socket, timeoutMs: number): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  let seen = Buffer.alloc(0);
  const look = (): void => {
    const chunk: unknown = socket.read();
    if (!(chunk instanceof Buffer)) return;
    // Held here and not put back at once: that would make the socket readable again, for ever.
    seen = Buffer.concat([seen, chunk]);
    const known = seen.subarray(0, PREFACE.length);
    const fits = known.equals(PREFACE.subarray(0, known.length));
    if (fits && known.length < PREFACE.length) return;
    socket.off("readable", look);
    clearTimeout(timer);
    if (fits) {
      socket.unshift(seen);
      open(socket);
    } else {
      socket.end(NOT_HTTP2, () => socket.destroySoon());
    }
  };
  socket.on("readable", look);
  socket.once("close", () => clearTimeout(timer));
}

async function serve(
  options: GrpcReceiverOptions,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  if (headers[":method"] !== "POST" || !String(headers["content-type"]).startsWith(CONTENT_TYPE)) {
    stream.respond({ ":status": headers[":method"] === "POST" ? 415 : 405 }, { endStream: true });
    return;
  }
  const signal = METHODS[headers[":path"] ?? ""];
  if (signal === undefined || !options.signals.includes(signal)) {
    return fail(stream, {
      http: 404,
      grpc: GRPC_STATUS.UNIMPLEMENTED,
      message: `${headers[":path"] ?? "This method"} is not served here.`,
    });
  }
  const arrival: OtlpArrival = { signal, receiver: "otlp", transport: "grpc" };
  let reservation: Reservation | undefined;
  let message: GrpcMessage | undefined;
  try {
    options.keys.check((name) => single(headers[name]));
    const encoding = messageEncoding(single(headers["grpc-encoding"]));
    reservation = options.ingest.admit(arrival, { bytesMax: options.bodyBytesMax });
    message = await readMessage(stream, options, { arrival, reservation });
    const result = await options.ingest.accept({
      ...arrival,
      format: "protobuf",
      encoding: message.compressed ? compressedWith(encoding) : "identity",
      bytes: message.bytes,
      bytesMax: options.bodyBytesMax,
      reservation,
    });
    const partial = { rejected: result.rejected, message: result.reason };
    succeed(stream, encodeExportResponse(signal, partial, "protobuf"));
  } catch (error) {
    if (error instanceof CounterfoilError && error.code === "CF_REQUEST_ABORTED") return;
    const status = wireStatus(error);
    if (status.grpc === GRPC_STATUS.INTERNAL) options.onError?.(error);
    fail(stream, status);
  } finally {
    // Settled: the journal has written the bytes or given them up, so their memory can serve the next request.
    if (message !== undefined) bodyBuffers.give(message.bytes);
    reservation?.release();
  }
}

function messageEncoding(header: string | undefined): PayloadEncoding {
  if (header === undefined || header === "identity") return "identity";
  if (header === "gzip") return "gzip";
  throw new CounterfoilError("CF_ENCODING_UNSUPPORTED", "grpc-encoding must be identity or gzip.");
}

function compressedWith(encoding: PayloadEncoding): PayloadEncoding {
  if (encoding !== "identity") return encoding;
  throw new CounterfoilError(
    "CF_REQUEST_INVALID",
    "The message is compressed, but grpc-encoding names no coding.",
  );
}

function readMessage(
  stream: ServerHttp2Stream,
  options: GrpcReceiverOptions,
  { arrival, reservation }: { arrival: OtlpArrival; reservation: Reservation },
): Promise<GrpcMessage> {
  const reader = new GrpcMessageReader({ bytesMax: options.bodyBytesMax, reservation });
  return new Promise<GrpcMessage>((resolve, reject) => {
    // For the whole message: a client that sends a byte now and then must not hold a stream for ever.
    const timer = setTimeout(
      () => stream.close(constants.NGHTTP2_CANCEL),
      options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    );
    const stop = (): void => {
      clearTimeout(timer);
      stream.off("data", onData).off("end", onEnd).off("close", onClose);
    };
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        stop();
        reader.abandon();
        options.ingest.count(arrival, 0, error);
        reject(error);
      }
    };
    const onData = (chunk: Buffer): void => attempt(() => reader.push(chunk));
    const onEnd = (): void =>
      attempt(() => {
        resolve(reader.finish());
        stop();
      });
    const onClose = (): void =>
      attempt(() => {
        throw aborted();
      });
    stream.on("data", onData).once("end", onEnd).once("close", onClose);
  });
}

function aborted(): CounterfoilError {
  return new CounterfoilError("CF_REQUEST_ABORTED", "The client closed the stream inside the message.");
}

function succeed(stream: ServerHttp2Stream, response: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ":status": 200, "content-type": CONTENT_TYPE }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(GRPC_STATUS.OK) }));
  stream.end(frameMessage(response));
}

/** A trailers-only answer: status and headers in one frame, no message. */
function fail(stream: ServerHttp2Stream, status: WireStatus): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const headers: OutgoingHttpHeaders = {
    ":status": 200,
    "content-type": CONTENT_TYPE,
    "grpc-status": String(status.grpc),
    "grpc-message": encodeGrpcMessage(status.message),
  };
  if (status.grpc === GRPC_STATUS.UNIMPLEMENTED) headers["grpc-accept-encoding"] = "identity,gzip";
  if (status.retryAfterSeconds !== undefined) {
    const { grpc: code, message, retryAfterSeconds: retryDelaySeconds } = status;
    const details = encodeStatus({ code, message, retryDelaySeconds }, "protobuf");
    headers["grpc-status-details-bin"] = Buffer.from(details).toString("base64").replace(/=+$/, "");
  }
  stream.respond(headers, { endStream: true });
  // What the client still sends is not wanted; RST_STREAM(NO_ERROR) after a complete answer says so (RFC 9113 8.1).
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}

function ignore(): void {
  // A broken connection shows as "close"; nobody is left to be told.
}

interface Closing {
  readonly server: Server;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  readonly sockets: ReadonlySet<Socket>;
  readonly deadlineMs: number;
}

function close({ server, sessions, sockets, deadlineMs }: Closing): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, deadlineMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    for (const session of sessions) session.close();
  });
}
