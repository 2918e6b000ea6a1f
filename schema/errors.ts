/** Stable error codes; each has an entry in `docs/errors.md`, which a test keeps equal to this list. */
export const ERROR_CODES = [
  "CF_CONFIG_INVALID",
  "CF_OTLP_MALFORMED",
  "CF_OTLP_TOO_DEEP",
  "CF_BODY_TOO_LARGE",
  "CF_ENCODING_UNSUPPORTED",
  "CF_JOURNAL_CORRUPT",
  "CF_JOURNAL_VERSION",
  "CF_JOURNAL_FULL",
  "CF_JOURNAL_IO",
  "CF_JOURNAL_CLOSED",
  "CF_DATA_DIR_LOCKED",
  "CF_DATA_DIR_IO",
  "CF_CATALOG_CORRUPT",
  "CF_CATALOG_VERSION",
  "CF_SEAL_FAILED",
  "CF_RECORD_INVALID",
  "CF_CONFLICT",
  "CF_QUERY_REFUSED",
  "CF_QUERY_FAILED",
  "CF_QUERY_LIMIT",
  "CF_EXPORT_PERMANENT",
  "CF_EXPORT_RETRYABLE",
  "CF_EXPORT_UNAUTHORIZED",
  "CF_BUNDLE_INVALID",
  "CF_BUNDLE_VERSION",
  "CF_IMPORT_FAILED",
  "CF_IMPORT_FILE_INVALID",
  "CF_NOT_FOUND",
  "CF_USAGE",
  "CF_ENCODING_INVALID",
  "CF_REQUEST_INVALID",
  "CF_REQUEST_ABORTED",
  "CF_UNAUTHENTICATED",
  "CF_FORBIDDEN",
  "CF_OVERLOADED",
  "CF_DRAINING",
  "CF_LISTEN_FAILED",
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * The one error class of the product. `message` says what was wrong, where, and what to do; it never holds a secret.
 * A hop asks one question of an error: is it worth trying again (`retryable`)?
 */
export class CounterfoilError extends Error {
  override readonly name = "CounterfoilError";
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The message of anything thrown, for logs and error texts. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
