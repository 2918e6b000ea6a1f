import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { decompress as unzstd } from "fzstd";
import type { PayloadEncoding } from "../../journal/index.js";
import { CounterfoilError, errorMessage, JOURNAL_PAYLOAD_BYTES_MAX } from "../../schema/index.js";

/** Output chunk, bytes: with the default of 16 KiB decompression takes two to three times as long. */
const CHUNK_BYTES = 1 << 20;
const CHUNK_BYTES_MIN = 64;
/** No more than this for what a trailer only claims. */
const CHUNK_BYTES_MAX = 32 << 20;
const ZLIB_METHOD = 0x08;

/** How much larger than stored a payload is guessed to be where its format doesn't say. */
const RATIO_GUESS = 6;
const GZIP_TRAILER_BYTES = 4;

/** Bytes of a payload without its compression, without decompressing it: gzip says so at its end, others are guessed. */
export function inflatedBytes(encoding: PayloadEncoding, payload: Uint8Array): number {
  if (encoding === "identity") return payload.byteLength;
  if (encoding !== "gzip" || payload.byteLength < GZIP_TRAILER_BYTES) return payload.byteLength * RATIO_GUESS;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return Math.min(view.getUint32(payload.byteLength - GZIP_TRAILER_BYTES, true), JOURNAL_PAYLOAD_BYTES_MAX);
}

/** One piece for the whole output where its size is known, so that pieces need not be joined. */
function gunzipChunk(payload: Uint8Array): number {
  // A buffer that comes out exactly full makes zlib ask for another one.
  return Math.max(CHUNK_BYTES_MIN, Math.min(inflatedBytes("gzip", payload) + 1, CHUNK_BYTES_MAX));
}

/**
 * A stored payload without its compression. Throws CF_OTLP_MALFORMED when it does not decompress, or to more than
 * JOURNAL_PAYLOAD_BYTES_MAX bytes.
 */
export function inflatePayload(encoding: PayloadEncoding, payload: Uint8Array): Uint8Array {
  if (encoding === "identity") return payload;
  const limits = { chunkSize: CHUNK_BYTES, maxOutputLength: JOURNAL_PAYLOAD_BYTES_MAX };
  try {
    if (encoding === "gzip") return gunzipSync(payload, { ...limits, chunkSize: gunzipChunk(payload) });
    if (encoding === "zstd") return unzstd(payload);
    // "deflate" means zlib's format, but some clients send the bare stream.
    const isZlib = ((payload[0] ?? 0) & 15) === ZLIB_METHOD;
    return isZlib ? inflateSync(payload, limits) : inflateRawSync(payload, limits);
  } catch (error) {
    throw new CounterfoilError(
      "CF_OTLP_MALFORMED",
      `a stored ${encoding} payload of ${payload.byteLength} bytes does not decompress: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}
