import {
  API_READ_WAIT_MS,
  type Api,
  type ApiHandler,
  type ApiHost,
  type ApiReply,
  type ApiRequest,
  CounterfoilError,
  QUERY_BYTES_MAX,
  QUERY_ROWS_MAX,
  QUERY_TIMEOUT_MS,
  QUERY_TIMEOUT_MS_MAX,
} from "../../schema/index.js";
import { type QueryFormat, streamQuery } from "../../store/index.js";
import { jsonBody, jsonObject } from "./json-call.js";

const PATH = "/api/v1/sql";

/** Media types that an answer can have. The first is for who takes anything. */
const FORMATS: Readonly<Record<string, Exclude<QueryFormat, "table">>> = {
  "application/json": "json",
  "application/x-ndjson": "jsonl",
  "text/csv": "csv",
  "application/vnd.apache.parquet": "parquet",
  "application/vnd.apache.arrow.stream": "arrow",
};
const DEFAULT_TYPE = "application/json";

/**
 * `POST /api/v1/sql` with `{"sql": "..."}`: one read-only query over the mirror's views, in a process of its own (invariant
 * I8), over everything that was acknowledged before. `Accept` chooses JSON, JSON Lines, CSV, Parquet or an Arrow stream.
 */
export function createSqlApi(host: ApiHost): Api {
  const run: ApiHandler = async (request) => {
    const contentType = acceptedType(request.header("accept"));
    const query = queryOf(request);
    const seq = host.durableSeq();
    if (seq > 0) await host.sealed(seq, API_READ_WAIT_MS);
    try {
      return await answer(host.dataDir, query, contentType);
    } catch (error) {
      return refusal(error);
    }
  };
  return {
    find: (method, path) => (path === PATH && method === "POST" ? run : undefined),
    close: async () => undefined,
  };
}

interface Query {
  readonly sql: string;
  readonly rowsMax?: number;
  readonly timeoutMs?: number;
}

async function answer(dataDir: string, query: Query, contentType: string): Promise<ApiReply> {
  const format = FORMATS[contentType] ?? "json";
  const result = await streamQuery({ dataDir, format, ...query });
  return {
    status: 200,
    contentType,
    headers: {
      "content-length": String(result.byteLength),
      "x-counterfoil-rows": String(result.rowCount),
      "x-counterfoil-truncated": String(result.truncated),
      // Their names are in `counterfoil sql`'s warnings; `counterfoil scrub` repairs them.
      "x-counterfoil-files-left-out": String(result.warnings.length),
    },
    body: result.stream,
  };
}

/** What is wrong with the query itself is the client's: to try again would not help. Anything else is thrown on. */
function refusal(error: unknown): ApiReply {
  if (!(error instanceof CounterfoilError) || error.retryable) throw error;
  const { code, message } = error;
  if (!["CF_QUERY_FAILED", "CF_QUERY_REFUSED", "CF_QUERY_LIMIT"].includes(code)) throw error;
  const body = `${JSON.stringify({ detail: message, error: { code, message } })}\n`;
  return { status: 400, contentType: "application/json", body };
}

function queryOf(request: ApiRequest): Query {
  const { max_rows: rowsMax, sql, timeout_seconds: seconds, ...rest } = jsonObject(jsonBody(request));
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw invalid(`There is no ${JSON.stringify(unknown)}: known are sql, max_rows and timeout_seconds.`);
  }
  if (typeof sql !== "string" || sql.trim() === "") throw invalid("sql must be the text of one query.");
  if (Buffer.byteLength(sql) > QUERY_BYTES_MAX) throw invalid(`sql may have ${QUERY_BYTES_MAX} bytes.`);
  return {
    sql,
    ...(rowsMax === undefined
      ? {}
      : { rowsMax: numberIn("max_rows", rowsMax, QUERY_ROWS_MAX, Number.isInteger) }),
    timeoutMs:
      seconds === undefined
        ? QUERY_TIMEOUT_MS
        : 1_000 * numberIn("timeout_seconds", seconds, QUERY_TIMEOUT_MS_MAX / 1_000, Number.isFinite),
  };
}

function numberIn(name: string, value: unknown, most: number, isKind: (value: unknown) => boolean): number {
  if (typeof value === "number" && isKind(value) && value > 0 && value <= most) return value;
  throw invalid(`${name} must be a number above 0 and up to ${most}.`);
}

function invalid(message: string): CounterfoilError {
  return new CounterfoilError("CF_REQUEST_INVALID", message);
}

/** The media type of the answer: the client's most wanted of those there are, the first of several that it wants alike. */
function acceptedType(accept: string | undefined): string {
  if (accept === undefined || accept.trim() === "") return DEFAULT_TYPE;
  let best: { readonly type: string; readonly weight: number } | undefined;
  for (const range of accept.split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    const type =
      name === "*/*" || name === "application/*" ? DEFAULT_TYPE : name === "text/*" ? "text/csv" : name;
    if (Object.hasOwn(FORMATS, type) && weight > (best?.weight ?? 0)) best = { type, weight };
  }
  if (best !== undefined) return best.type;
  throw invalid(`Accept must name one of ${Object.keys(FORMATS).join(", ")}.`);
}
