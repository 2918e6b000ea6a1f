import { CounterfoilError, errorMessage } from "../../schema/index.js";

/** A body that is not what its Content-Encoding says. */
export function invalidEncoding(encoding: string, what: string, cause?: unknown): CounterfoilError {
  return new CounterfoilError(
    "CF_ENCODING_INVALID",
    `The body is not valid ${encoding} as its encoding says: ${what}.`,
    { cause },
  );
}

/** A body beyond the cap after decompression. */
export function inflatedTooLarge(bytesMax: number, cause?: unknown): CounterfoilError {
  return new CounterfoilError(
    "CF_BODY_TOO_LARGE",
    `The body is larger than ${bytesMax} bytes after decompression. Send smaller batches, or raise max_request_body_size.`,
    { cause },
  );
}

/** Whether a decompressor stopped because its output passed the cap. */
export function isOverflow(error: unknown): boolean {
  if (error instanceof RangeError && error.message.includes("too large")) return true;
  return (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
}

/** What a decompressor threw, as CF_BODY_TOO_LARGE or CF_ENCODING_INVALID. */
export function encodingError(encoding: string, bytesMax: number, error: unknown): CounterfoilError {
  if (error instanceof CounterfoilError) return error;
  if (isOverflow(error)) return inflatedTooLarge(bytesMax, error);
  return invalidEncoding(encoding, errorMessage(error), error);
}
