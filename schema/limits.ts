/**
 * Every bound of the product in one place (invariant I9). What exceeds one gets a clear error and is counted.
 * Units are in the names.
 */

/** Largest request body after decompression, bytes. OTLP recommends a cap of 64 MiB; override in `receivers.otlp`. */
export const BODY_BYTES_MAX = 20 * 1024 * 1024;
/** Nesting of AnyValue (arrays and key-value lists) before a request is refused as too deep. */
export const ANY_VALUE_DEPTH_MAX = 64;
/** Bytes in flight between receiving and the durable write before new requests are answered 429. */
export const INFLIGHT_BYTES_MAX = 128 * 1024 * 1024;
/** Seconds that a refused client is told to wait: JS exporters give up when it exceeds their 10 s budget. */
export const RETRY_AFTER_SECONDS = 2;
/** One journal segment, bytes. Small enough that closing and unlinking one does not stall a commit. */
export const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Default cap of the whole journal, bytes. */
export const JOURNAL_BYTES_MAX = 8 * 1024 * 1024 * 1024;
/** Largest group commit, bytes: bounds the latency that a large batch adds to the requests behind it. */
export const GROUP_COMMIT_BYTES_MAX = 16 * 1024 * 1024;
/** A level-0 file is written at this many rows, bytes of OTLP, or milliseconds since its first record. */
export const SEAL_ROWS = 20_000;
export const SEAL_BYTES = 32 * 1024 * 1024;
export const SEAL_INTERVAL_MS = 1_000;
/** Largest gRPC message after decompression, bytes (grpc-go's default is 4 MiB; agents' spans are bigger). */
export const GRPC_MESSAGE_BYTES_MAX = BODY_BYTES_MAX;
/** Time to receive request headers and a whole request, milliseconds (slow-loris guard). */
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 30_000;
/** Connections one listener holds open. */
export const CONNECTIONS_MAX = 12_000;
