import { CounterfoilError, RETRY_AFTER_SECONDS, type ErrorCode } from "../../schema/index.js";

/** gRPC status codes used here (grpc/grpc `doc/statuscodes.md`). */
export const GRPC_STATUS = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** How one error is answered on the wire. */
export interface WireStatus {
  readonly http: number;
  readonly grpc: number;
  readonly message: string;
  /** Set when the client should try again: OTLP's `Retry-After` and RetryInfo. */
  readonly retryAfterSeconds?: number;
}

type Row = readonly [http: number, grpc: number, retry: boolean];

const ROWS: Partial<Record<ErrorCode, Row>> = {
  CF_OTLP_MALFORMED: [400, GRPC_STATUS.INVALID_ARGUMENT, false],
  CF_OTLP_TOO_DEEP: [400, GRPC_STATUS.INVALID_ARGUMENT, false],
  CF_ENCODING_INVALID: [400, GRPC_STATUS.INVALID_ARGUMENT, false],
  CF_REQUEST_INVALID: [400, GRPC_STATUS.INVALID_ARGUMENT, false],
  CF_UNAUTHENTICATED: [401, GRPC_STATUS.UNAUTHENTICATED, false],
  CF_FORBIDDEN: [403, GRPC_STATUS.PERMISSION_DENIED, false],
  // RESOURCE_EXHAUSTED without RetryInfo means "never retry" in OTLP: right for a request that is too large.
  CF_BODY_TOO_LARGE: [413, GRPC_STATUS.RESOURCE_EXHAUSTED, false],
  CF_ENCODING_UNSUPPORTED: [415, GRPC_STATUS.UNIMPLEMENTED, false],
  CF_OVERLOADED: [429, GRPC_STATUS.RESOURCE_EXHAUSTED, true],
  CF_DRAINING: [503, GRPC_STATUS.UNAVAILABLE, true],
  CF_JOURNAL_FULL: [503, GRPC_STATUS.UNAVAILABLE, true],
  CF_JOURNAL_IO: [503, GRPC_STATUS.UNAVAILABLE, true],
  CF_JOURNAL_CLOSED: [503, GRPC_STATUS.UNAVAILABLE, true],
};

/** What the client may read about our own failures: no paths, no system errors. */
const PUBLIC_MESSAGES: Partial<Record<ErrorCode, string>> = {
  CF_JOURNAL_FULL: "The journal is full: destinations are behind. Send the request again later.",
  CF_JOURNAL_IO:
    "The collector could not write to its disk. Nothing was stored; send the request again later.",
  CF_JOURNAL_CLOSED: "The collector is shutting down. Send the request again later.",
};

/** Turns anything thrown while receiving into the answer that OTLP asks for (specification, "Failures"). */
export function wireStatus(error: unknown): WireStatus {
  if (error instanceof CounterfoilError) {
    const row = ROWS[error.code];
    if (row !== undefined) {
      const [http, grpc, retry] = row;
      const message = PUBLIC_MESSAGES[error.code] ?? error.message;
      return { http, grpc, message, ...(retry ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {}) };
    }
  }
  return { http: 500, grpc: GRPC_STATUS.INTERNAL, message: "The collector failed to handle the request." };
}
