import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import {
  type Api,
  type ApiHandler,
  type ApiRequest,
  CounterfoilError,
  type ErrorCode,
  PUBLIC_BODY_BYTES_MAX,
} from "../../../schema/index.js";
import type { Arrival, Ingest } from "../../ingest/ingest.js";
import { wireStatus } from "../../ingest/status.js";
import type { KeyCheck } from "../otlp/auth.js";
import { declaredLength, readBody, releaseBody } from "../otlp/http-body.js";
import { refuse, sendReply, sendStream, type Reply } from "../otlp/http-reply.js";
import { encodingOf } from "../otlp/media.js";
import { isLoopback } from "../otlp/origin.js";

/** What serving an API takes. */
export interface ApiServing {
  readonly api: Api;
  readonly ingest: Ingest;
  readonly keys: KeyCheck;
  /** Largest body, before and after decompression. */
  readonly bodyBytesMax: number;
  readonly onError?: (error: unknown) => void;
}

/** One request that a handler was found for. */
export interface ApiExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly wantsContinue: boolean;
  readonly handler: ApiHandler;
  readonly path: string;
  /** Needs no key (`Api.isPublic`). */
  readonly isPublic?: boolean;
}

/** What lets a page of any site read the answer to a public request. There is no key or cookie that it could abuse. */
const PUBLIC_HEADERS = { "access-control-allow-origin": "*" };

/** Statuses of errors that no OTLP request can meet. */
const API_STATUS: Partial<Record<ErrorCode, number>> = {
  CF_NOT_FOUND: 404,
  CF_USAGE: 400,
  CF_RECORD_INVALID: 422,
  CF_CONFLICT: 409,
  CF_QUERY_LIMIT: 503,
  CF_SEAL_FAILED: 503,
};

/** Serves one API request: key, budget, body, handler, reply. Whatever is thrown becomes an answer. */
export async function serveApi(serving: ApiServing, exchange: ApiExchange): Promise<void> {
  const { request, response, isPublic = false } = exchange;
  const open = isPublic ? PUBLIC_HEADERS : {};
  try {
    if (!isPublic) checkKey(serving.keys, request);
    await withBody(serving, exchange, async (body) => {
      const reply = await exchange.handler(apiRequest(exchange, body));
      const { body: content, ...head } = { ...reply, headers: { ...reply.headers, ...open } };
      if (content instanceof Readable) sendStream(response, head, content);
      else sendReply(response, { ...head, body: content });
    });
  } catch (error) {
    if (error instanceof CounterfoilError && error.code === "CF_REQUEST_ABORTED") return;
    const reply = failureReply(error);
    if (reply.status === 500) serving.onError?.(error);
    refuse(request, response, { ...reply, headers: { ...reply.headers, ...open } });
  }
}

/** What a browser asks before a page of another site may send JSON to a public path. */
export function publicPreflight(methods: string): Reply {
  return {
    status: 204,
    contentType: "text/plain",
    headers: {
      ...PUBLIC_HEADERS,
      "access-control-allow-methods": methods,
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "7200",
    },
    body: "",
  };
}

/** An API reads as well as writes: without a key it is for this machine only, whatever receivers allow. */
function checkKey(keys: KeyCheck, request: IncomingMessage): void {
  if (!keys.required && !isLoopback((request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, ""))) {
    throw new CounterfoilError(
      "CF_FORBIDDEN",
      "From another machine this needs an API key; none is configured (auth.api_keys).",
    );
  }
  keys.check((name) => headerText(request, name));
}

async function withBody(
  { ingest, bodyBytesMax }: ApiServing,
  { request, response, wantsContinue, isPublic }: ApiExchange,
  use: (body: Uint8Array) => Promise<void>,
): Promise<void> {
  const arrival: Arrival = { signal: "traces", receiver: "api", transport: "http" };
  const encoding = encodingOf(headerText(request, "content-encoding"));
  const bytesMax = isPublic === true ? Math.min(bodyBytesMax, PUBLIC_BODY_BYTES_MAX) : bodyBytesMax;
  const reservation = ingest.admit(arrival, { declaredBytes: declaredLength(request), bytesMax });
  let bytes: Uint8Array | undefined;
  try {
    if (wantsContinue) response.writeContinue();
    bytes = await readBody(request, reservation, bytesMax);
    await use(await ingest.plain({ encoding, bytes, bytesMax, reservation }));
  } finally {
    if (bytes !== undefined) releaseBody(bytes);
    reservation.release();
  }
}

function apiRequest({ request, path }: ApiExchange, body: Uint8Array): ApiRequest {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: request.method ?? "GET",
    path,
    query: new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1)),
    header: (name) => headerText(request, name),
    body,
  };
}

/** `detail` is where LangSmith's clients look, `error` is the form of Counterfoil's own pages. */
function failureReply(error: unknown): Reply {
  const wire = wireStatus(error);
  const code = error instanceof CounterfoilError ? error.code : undefined;
  const own = code === undefined ? undefined : API_STATUS[code];
  const message = own === undefined ? wire.message : (error as CounterfoilError).message;
  const reply: Reply = {
    status: own ?? wire.http,
    contentType: "application/json",
    headers: {
      ...(wire.retryAfterSeconds === undefined ? {} : { "retry-after": String(wire.retryAfterSeconds) }),
      ...(code === "CF_UNAUTHENTICATED" ? { "www-authenticate": "Bearer" } : {}),
      ...(code === "CF_ENCODING_UNSUPPORTED" ? { "accept-encoding": "gzip, deflate, zstd" } : {}),
    },
    body: `${JSON.stringify({ detail: message, error: { code: code ?? "internal", message } })}\n`,
  };
  return { ...reply, headers: { ...reply.headers } };
}

function headerText(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
