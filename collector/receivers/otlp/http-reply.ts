import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { pipeline, type Readable } from "node:stream";
import { encodeStatus, REFUSED_BODY_LINGER_MS } from "../../../schema/index.js";
import { GRPC_STATUS, type WireStatus } from "../../ingest/status.js";
import { declaredLength } from "./http-body.js";
import { MEDIA_TYPES, type Format } from "./media.js";

/** An unread body up to this size is read and thrown away, so that the connection can be kept. Bytes. */
const DISCARD_BYTES_MAX = 256 * 1024;

/** One whole answer. */
export interface Reply {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

/** Sends an answer as it is read. When its source fails or the client goes away, the connection ends early. */
export function sendStream(response: ServerResponse, reply: Omit<Reply, "body">, source: Readable): void {
  if (!response.destroyed) {
    response.writeHead(reply.status, { "content-type": reply.contentType, ...reply.headers });
  }
  // It destroys both. Nobody is left to be told: the client sees a body that is too short.
  pipeline(source, response, () => undefined);
}

/** Sends an answer to a request whose body was read. */
export function sendReply(response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  const body = Buffer.from(reply.body);
  response.writeHead(reply.status, {
    "content-type": reply.contentType,
    "content-length": body.length,
    ...reply.headers,
  });
  response.end(body);
}

/**
 * The 200 of most requests: no body, no headers but the two. As {@link sendReply}, for half of its time: the head goes
 * to the socket as one string, where head and body would be gathered from two.
 */
export function sendEmpty(response: ServerResponse, contentType: string): void {
  if (response.destroyed) return;
  response.writeHead(200, ["content-type", contentType, "content-length", "0"]);
  response.end();
}

/** The google.rpc.Status answer that OTLP/HTTP asks for, in the request's format. */
export function statusReply(status: WireStatus, format: Format, headers: OutgoingHttpHeaders = {}): Reply {
  const { retryAfterSeconds } = status;
  const retry = retryAfterSeconds === undefined ? {} : { retryDelaySeconds: retryAfterSeconds };
  return {
    status: status.http,
    contentType: MEDIA_TYPES[format],
    headers: {
      ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
      ...(status.grpc === GRPC_STATUS.UNAUTHENTICATED ? { "www-authenticate": "Bearer" } : {}),
      ...headers,
    },
    body: encodeStatus({ code: status.grpc, message: status.message, ...retry }, format),
  };
}

/** A plain-text answer, for what is wrong before OTLP begins (404, 405, 415). */
export function textReply(status: number, text: string, headers: OutgoingHttpHeaders = {}): Reply {
  return { status, contentType: "text/plain; charset=utf-8", headers, body: `${text}\n` };
}

/**
 * Answers a request whose body was not read to its end. A small rest is thrown away and the connection kept; otherwise
 * the connection is closed, but a moment later: closing it with data still arriving would reset it, and the client
 * would never see why.
 */
export function refuse(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const declared = declaredLength(request);
  const small = declared !== undefined && declared <= DISCARD_BYTES_MAX;
  if (request.complete || (small && reply.status !== 413)) return sendReply(response, reply);
  if (response.destroyed) return;
  const body = Buffer.from(reply.body);
  response.writeHead(reply.status, {
    "content-type": reply.contentType,
    "content-length": body.length,
    ...reply.headers,
    connection: "close",
  });
  response.write(body);
  const finish = (): void => {
    clearTimeout(timer);
    response.end();
    if (!request.complete) request.socket.destroySoon();
  };
  const timer = setTimeout(finish, REFUSED_BODY_LINGER_MS);
  request.once("end", finish).once("close", finish).resume();
}
