import type { IncomingMessage } from "node:http";
import {
  CONTROL_BODY_BYTES_MAX,
  CounterfoilError,
  errorMessage,
  type ErrorCode,
} from "../../schema/index.js";
import type { KeyCheck } from "../receivers/otlp/auth.js";
import type { Reply } from "../receivers/otlp/http-reply.js";
import type { Pages } from "../receivers/otlp/http.js";
import { isLoopback } from "../receivers/otlp/origin.js";
import type { StatusDocument } from "../status.js";

/** What the pages show and do. */
export interface PageSource {
  /** Undefined when ready; otherwise why not. */
  notReady(): string | undefined;
  status(): StatusDocument;
  metrics(): Promise<string>;
  /** `POST /api/v1/<name>` by name; the argument is the request's JSON object. */
  readonly controls: Readonly<Record<string, (body: Record<string, unknown>) => Promise<unknown>>>;
}

const CONTROL_STATUS: Partial<Record<ErrorCode, number>> = {
  CF_USAGE: 400,
  CF_REQUEST_INVALID: 400,
  CF_UNAUTHENTICATED: 401,
  CF_FORBIDDEN: 403,
  CF_NOT_FOUND: 404,
  CF_BODY_TOO_LARGE: 413,
};

/** Health, readiness, metrics, status and control requests, on the OTLP/HTTP port. */
export function createPages(source: PageSource, keys: KeyCheck): Pages {
  const gets: Readonly<Record<string, () => Promise<Reply>>> = {
    "/healthz": async () => json(200, { status: "ok" }),
    "/readyz": async () => {
      const reason = source.notReady();
      return reason === undefined
        ? json(200, { status: "ready" })
        : json(503, { status: "not ready", reason });
    },
    "/metrics": async () => ({
      status: 200,
      contentType: "text/plain; version=0.0.4; charset=utf-8",
      body: await source.metrics(),
    }),
    "/api/v1/status": async () => json(200, source.status()),
  };
  return (request, path) => {
    const get = Object.hasOwn(gets, path) ? gets[path] : undefined;
    if (get !== undefined) {
      if (request.method !== "GET" && request.method !== "HEAD") return wrongMethod("GET, HEAD");
      // Probes come from anywhere and say nothing; figures are for those who may send, too.
      const open = path === "/healthz" || path === "/readyz";
      return guarded(request, open ? undefined : keys, get);
    }
    const name = /^\/api\/v1\/([a-z_]+)$/.exec(path)?.[1] ?? "";
    const control = Object.hasOwn(source.controls, name) ? source.controls[name] : undefined;
    if (control === undefined) return undefined;
    if (request.method !== "POST") return wrongMethod("POST");
    return guarded(request, keys, async () => json(200, await control(await readJson(request))));
  };
}

/** Requests from this machine are trusted; others need a key. Whatever is thrown becomes an answer. */
async function guarded(
  request: IncomingMessage,
  keys: KeyCheck | undefined,
  action: () => Promise<Reply>,
): Promise<Reply> {
  try {
    if (keys !== undefined && !isLoopback(mapped(request.socket.remoteAddress ?? ""))) {
      if (!keys.required) {
        throw new CounterfoilError(
          "CF_FORBIDDEN",
          "From another machine this needs an API key; none is configured.",
        );
      }
      keys.check((name) => headerText(request, name));
    }
    return await action();
  } catch (error) {
    const code = error instanceof CounterfoilError ? error.code : undefined;
    const status = (code === undefined ? undefined : CONTROL_STATUS[code]) ?? 500;
    return json(status, { error: { code: code ?? "internal", message: errorMessage(error) } });
  }
}

/** An IPv4 address as a dual-stack socket shows it (`::ffff:127.0.0.1`), in its own form. */
function mapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}

function headerText(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

async function wrongMethod(allow: string): Promise<Reply> {
  return { ...json(405, { error: { message: `Use ${allow}.` } }), headers: { allow } };
}

function json(status: number, body: unknown): Reply {
  return { status, contentType: "application/json", body: `${JSON.stringify(body)}\n` };
}

/** A JSON object. The content type is demanded because a web page can't send it elsewhere without being asked (CSRF). */
async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "")) {
    throw new CounterfoilError("CF_REQUEST_INVALID", "Send this with Content-Type: application/json.");
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > CONTROL_BODY_BYTES_MAX) {
      throw new CounterfoilError(
        "CF_BODY_TOO_LARGE",
        `The body is larger than ${CONTROL_BODY_BYTES_MAX} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    const value: unknown = text === "" ? {} : JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Told below, with the same words as any other value that is no object.
  }
  throw new CounterfoilError("CF_REQUEST_INVALID", "The body must be a JSON object.");
}
