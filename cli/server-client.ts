import { errorMessage } from "../schema/index.js";
import { CommandError, EXIT } from "./exit-codes.js";
import { inertLines } from "./output/text.js";
import { readServerFile, type ServerFile } from "./server-file.js";

const TIMEOUT_MS = 10_000;
/** Has one of the server's API keys, when it wants one. */
const KEY_VARIABLE = "COUNTERFOIL_API_KEY";
/** A few megabytes, and the journal's sync. */
const POST_TIMEOUT_MS = 60_000;

/** A server that answers HTTP. */
export type HttpServer = ServerFile & { readonly url: string };

/** The server that runs on a data directory and answers HTTP, if there is one. */
export function findServer(dataDir: string): HttpServer | undefined {
  const server = readServerFile(dataDir);
  return server?.url === undefined ? undefined : { ...server, url: server.url };
}

/** The same; ends the command with "unreachable" when there is none. */
export function requireServer(dataDir: string): HttpServer {
  const server = findServer(dataDir);
  if (server !== undefined) return server;
  const other = readServerFile(dataDir);
  if (other !== undefined) {
    throw new CommandError(
      EXIT.serverUnreachable,
      `The server on ${dataDir} (pid ${other.pid}) has no HTTP port; this command needs one.`,
    );
  }
  throw new CommandError(
    EXIT.serverUnreachable,
    `No server is running on ${dataDir}. Start one with \`counterfoil start --data-dir ${dataDir}\`.`,
  );
}

/** Sends one request to the server and gives its JSON answer. */
export async function callServer(
  server: HttpServer,
  request: {
    method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
    path: string;
    body?: unknown;
    timeoutMs?: number;
    signal?: AbortSignal;
  },
): Promise<unknown> {
  const { body, method, path, signal, timeoutMs } = request;
  const text = await exchange(server, {
    path,
    method,
    timeoutMs: timeoutMs ?? TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return parseJson(text);
}

/** One request and the text of its answer. Whatever is no success ends the command. */
async function exchange(
  server: HttpServer,
  request: {
    path: string;
    method: string;
    body?: string | Buffer<ArrayBuffer>;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    timeoutMs: number;
  },
): Promise<string> {
  const { path, signal, timeoutMs, ...init } = request;
  const limit = AbortSignal.timeout(timeoutMs);
  const key = process.env[KEY_VARIABLE];
  const headers = { ...init.headers, ...(key === undefined ? {} : { "x-api-key": key }) };
  let response: Response;
  let text: string;
  try {
    response = await fetch(server.url + path, {
      ...init,
      headers,
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
    throw new CommandError(
      EXIT.serverUnreachable,
      `The server at ${server.url} (pid ${server.pid}) does not answer: ${cause || errorMessage(error)}.`,
      { cause: error },
    );
  }
  if (response.ok) return text;
  const said = messageOf(parseJson(text)) ?? text.slice(0, 300);
  const message = response.status === 401 ? `${said} This command takes it from ${KEY_VARIABLE}.` : said;
  const exitCode =
    response.status === 404
      ? EXIT.notFound
      : response.status === 400 || response.status === 422
        ? EXIT.usage
        : EXIT.failure;
  throw new CommandError(exitCode, `The server answered ${response.status}: ${inertLines(message)}`);
}

/** Sends bytes to the server; a refusal ends the command as with {@link callServer}. */
export async function sendBytes(
  server: HttpServer,
  request: {
    method: "POST" | "PUT";
    path: string;
    contentType: string;
    body: Uint8Array;
    signal: AbortSignal;
  },
): Promise<void> {
  const { body, contentType, ...rest } = request;
  await exchange(server, {
    ...rest,
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) as Buffer<ArrayBuffer>,
    headers: { "content-type": contentType },
    timeoutMs: POST_TIMEOUT_MS,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The message of an error body: `{error: {message}}`, `{message}`, `{error: "..."}` or `{detail: "..."}`. */
function messageOf(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { message, error, detail } = body as { message?: unknown; error?: unknown; detail?: unknown };
  if (typeof message === "string") return message;
  if (error === undefined && typeof detail === "string") return detail;
  return typeof error === "string" ? error : messageOf(error);
}
