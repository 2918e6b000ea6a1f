import {
  CounterfoilError,
  errorMessage,
  IMPORT_BACKOFF_MAX_MS,
  IMPORT_REQUEST_TIMEOUT_MS,
  IMPORT_RESPONSE_BYTES_MAX,
  IMPORT_RETRY_MS,
  parseRunJson,
} from "../../../schema/index.js";
import { isRetryable, retryAfterOf } from "../../http/retryable.js";

/** How a LangSmith is reached. */
export interface SourceOptions {
  /** As the SDK has it: with or without `/api/v1`, which is taken off. */
  readonly endpoint: string;
  readonly apiKey?: string | undefined;
  /** For keys of several workspaces. */
  readonly workspaceId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Go with every request to the endpoint. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests that one second may start; unlimited when absent. */
  readonly requestsPerSecond?: number | undefined;
  /** Time and chance; tests give their own. */
  readonly clock?: SourceClock;
  /** One try, and all tries of one request, ms. */
  readonly timeoutMs?: number;
  readonly retryMs?: number;
}

/** What waiting takes. */
export interface SourceClock {
  now(): number;
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
  random(): number;
}

/** A request that failed for good: `status` is the answer's, undefined when there was none. */
export class SourceError extends CounterfoilError {
  constructor(
    message: string,
    readonly status: number | undefined,
    cause?: unknown,
  ) {
    super("CF_IMPORT_FAILED", message, { retryable: status === undefined || isRetryable(status), cause });
  }

  /** The server does not have this route: an older version, another plan, or not done there yet. */
  get notOffered(): boolean {
    return this.status === 404 || this.status === 405 || this.status === 410 || this.status === 501;
  }
}

/** A file and what it is. */
export interface SourceFile {
  readonly content: Uint8Array;
  readonly mimeType: string;
}

type Reading<T> = (bytes: Uint8Array, contentType: string) => T;

/** Something in one request's words. */
interface Request {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
  /** The key goes to LangSmith only, never to where its files are. */
  readonly withKey: boolean;
}

const FIRST_BACKOFF_MS = 500;
const MESSAGE_CHARS_MAX = 300;

/**
 * Reads from a server that speaks LangSmith's API: one request at a time, each tried again with growing, random waits as
 * long as that may help (no answer, 408, 425, 429, 5xx, an answer that breaks off or is no JSON), `Retry-After` honoured.
 */
export class LangSmithSource {
  readonly endpoint: URL;
  /** Tries that failed and were made again. */
  retries = 0;
  readonly #options: SourceOptions;
  readonly #clock: SourceClock;
  #nextAt = 0;

  constructor(options: SourceOptions) {
    this.endpoint = endpointOf(options.endpoint);
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /** The JSON at a path; a list of values repeats the parameter. Throws a SourceError. */
  async get(path: string, query: Readonly<Record<string, QueryValue>> = {}): Promise<unknown> {
    const url = this.#url(path);
    for (const [name, value] of Object.entries(query)) {
      for (const each of Array.isArray(value) ? value : [value]) {
        if (each !== undefined) url.searchParams.append(name, String(each));
      }
    }
    return this.#answer({ method: "GET", url, withKey: true }, jsonOf);
  }

  /** The same, with numbers as they are written. */
  async getExact(path: string): Promise<unknown> {
    const read = (bytes: Uint8Array): unknown => parseRunJson(textOf(bytes));
    return this.#answer({ method: "GET", url: this.#url(path), withKey: true }, read);
  }

  /** Posts JSON, gives the JSON of the answer. Throws a SourceError. */
  async post(path: string, body: unknown): Promise<unknown> {
    return this.send(path, JSON.stringify(body), "application/json");
  }

  /** The same with runs in the answer, whose numbers stay as they are written. */
  async queryRuns(path: string, body: unknown): Promise<unknown> {
    const request = { url: this.#url(path), body: JSON.stringify(body), contentType: "application/json" };
    return this.#answer({ method: "POST", ...request, withKey: true }, (bytes) =>
      parseRunJson(textOf(bytes)),
    );
  }

  /** Posts a body of any type, gives the JSON of the answer. Throws a SourceError. */
  async send(path: string, body: string | Uint8Array, contentType: string): Promise<unknown> {
    const url = this.#url(path);
    return this.#answer({ method: "POST", url, body, contentType, withKey: true }, jsonOf);
  }

  /** A file: its address may be relative to the endpoint. Throws a SourceError. */
  async download(address: string): Promise<SourceFile> {
    const url = new URL(address, this.endpoint);
    const withKey = url.origin === this.endpoint.origin;
    return this.#answer({ method: "GET", url, withKey }, (content, type) => ({
      content,
      mimeType: type === "" ? "application/octet-stream" : type,
    }));
  }

  #url(path: string): URL {
    return new URL(this.endpoint.href.replace(/\/$/, "") + path);
  }

  async #answer<T>(request: Request, read: Reading<T>): Promise<T> {
    const giveUpAt = this.#clock.now() + (this.#options.retryMs ?? IMPORT_RETRY_MS);
    for (let attempt = 0; ; attempt += 1) {
      await this.#pace();
      const outcome = await this.#try(request, read);
      if ("value" in outcome) return outcome.value;
      const { error, retryAfterMs } = outcome;
      const most = Math.min(IMPORT_BACKOFF_MAX_MS, FIRST_BACKOFF_MS * 2 ** attempt);
      const wait = retryAfterMs ?? most * (0.5 + this.#clock.random() / 2);
      if (!error.retryable || this.#clock.now() + wait > giveUpAt) throw error;
      this.retries += 1;
      await this.#clock.sleep(wait, this.#options.signal);
    }
  }

  /** Keeps to the rate that was asked for. */
  async #pace(): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const { requestsPerSecond } = this.#options;
    if (requestsPerSecond === undefined) return;
    const now = this.#clock.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + 1_000 / requestsPerSecond;
    if (at > now) await this.#clock.sleep(at - now, this.#options.signal);
  }

  async #try<T>(
    request: Request,
    read: Reading<T>,
  ): Promise<{ readonly value: T } | { readonly error: SourceError; readonly retryAfterMs?: number }> {
    const { signal, apiKey, workspaceId } = this.#options;
    const limit = AbortSignal.timeout(this.#options.timeoutMs ?? IMPORT_REQUEST_TIMEOUT_MS);
    const where = `${request.method} ${request.url.origin}${request.url.pathname}`;
    let response: Response;
    let bytes: Uint8Array;
    try {
      response = await fetch(request.url, {
        method: request.method,
        // A redirect could take the key to another host.
        redirect: request.withKey ? "manual" : "follow",
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        headers: {
          accept: "application/json, */*",
          ...(request.withKey ? this.#options.headers : {}),
          ...(request.withKey && apiKey !== undefined ? { "x-api-key": apiKey } : {}),
          ...(request.withKey && workspaceId !== undefined ? { "x-tenant-id": workspaceId } : {}),
          ...(request.contentType === undefined ? {} : { "content-type": request.contentType }),
        },
        ...(request.body === undefined ? {} : { body: request.body as Uint8Array<ArrayBuffer> }),
      });
      bytes = await bodyOf(response, where);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (error instanceof SourceError) return { error };
      return { error: new SourceError(`${where} has no answer: ${reasonOf(error)}.`, undefined, error) };
    }
    if (response.ok) {
      try {
        return { value: read(bytes, response.headers.get("content-type") ?? "") };
      } catch (error) {
        const what = `${where} answered ${response.status}, but not with JSON`;
        return { error: new SourceError(`${what}: ${errorMessage(error)}.`, undefined, error) };
      }
    }
    return refusal(response, { where, text: textOf(bytes), now: this.#clock.now() });
  }
}

/** A parameter of a query. */
export type QueryValue = string | number | boolean | undefined | readonly string[];

function refusal(
  response: Response,
  { where, text, now }: { where: string; text: string; now: number },
): { error: SourceError; retryAfterMs?: number } {
  const { status } = response;
  // A firewall in front of LangSmith refuses with a page of HTML, and mostly lets the next try through.
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const passing = (status === 401 || status === 403) && !isJson;
  const hint = status === 401 || status === 403 ? " Check the API key." : "";
  const message = `${where} answered ${status}: ${text.slice(0, MESSAGE_CHARS_MAX)}.${hint}`;
  const retryAfterMs = retryAfterOf(response.headers.get("retry-after"), now);
  const error = new SourceError(message, passing ? undefined : status);
  return retryAfterMs === undefined ? { error } : { error, retryAfterMs };
}

async function bodyOf(response: Response, where: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > IMPORT_RESPONSE_BYTES_MAX) {
      throw new SourceError(`${where} answered more than ${IMPORT_RESPONSE_BYTES_MAX} bytes.`, 413);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
  return cause === "" ? errorMessage(error) : cause;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8").trim();
}

function jsonOf(bytes: Uint8Array): unknown {
  const text = textOf(bytes);
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

/** Throws CF_USAGE for what is no address. */
function endpointOf(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    url = undefined;
  }
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new CounterfoilError(
      "CF_USAGE",
      `The endpoint must be an address such as https://api.smith.langchain.com, got ${JSON.stringify(text)}.`,
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, "").replace(/(?:\/api)?\/v1$|\/api$/, "");
  url.search = "";
  url.hash = "";
  return url;
}

const REAL_CLOCK: SourceClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};
