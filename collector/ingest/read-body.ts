import {
  decodeOtlpJson,
  encodeOtlp,
  JSON_INLINE_BYTES_MAX,
  SCAN_INLINE_STEPS_MAX,
  scanRequest,
  scanRequestWithin,
  type ScanResult,
  type Signal,
} from "../../schema/index.js";
import { encodingError } from "./encoding-errors.js";
import { unzstdPortable, zstdContentBytes } from "./zstd.js";

/** zstd bodies of this size after decompression take about a millisecond. Bytes. */
const ZSTD_INLINE_BYTES_MAX = 256 * 1024;

/** A body to be read: OTLP in one of its formats, not compressed except as `zstd` says. */
export interface BodyOrder {
  readonly signal: Signal;
  readonly format: "protobuf" | "json";
  /** Still compressed with zstd, which Node's own zlib can't decompress here. */
  readonly zstd: boolean;
  readonly bytes: Uint8Array;
  /** Cap on the body after decompression. */
  readonly bytesMax: number;
}

/** A valid request as protobuf. */
export interface ReadBody extends ScanResult {
  /** Whether `body` has the very bytes of the order. */
  readonly unchanged: boolean;
}

/**
 * Reads a body to its end, however long that takes. Throws CF_ENCODING_INVALID, CF_BODY_TOO_LARGE for one beyond
 * `bytesMax` after decompression, and the errors of `decodeOtlpJson` and `scanRequest`.
 */
export function readBody({ signal, format, zstd, bytes, bytesMax }: BodyOrder): ReadBody {
  const plain = zstd ? decompressed(bytes, bytesMax) : bytes;
  const wire = format === "json" ? encodeOtlp(signal, decodeOtlpJson(signal, plain)) : plain;
  const scan = scanRequest(signal, wire);
  return { ...scan, unchanged: scan.body === bytes };
}

/**
 * The same for a body that takes a few milliseconds at most; undefined for any other, after trying for as long at
 * most. Throws as {@link readBody}.
 */
export function readBodyInline(order: BodyOrder): ReadBody | undefined {
  const { signal, format, bytes } = order;
  if (order.zstd) {
    if ((zstdContentBytes(bytes) ?? Infinity) > ZSTD_INLINE_BYTES_MAX) return undefined;
    return readBodyInline({ ...order, zstd: false, bytes: decompressed(bytes, order.bytesMax) });
  }
  if (format === "json") return bytes.length <= JSON_INLINE_BYTES_MAX ? readBody(order) : undefined;
  const scan = scanRequestWithin(signal, bytes, SCAN_INLINE_STEPS_MAX);
  if (scan === undefined) return undefined;
  const { itemCount, rejected, reason, body } = scan;
  return { itemCount, rejected, reason, body, unchanged: body === bytes };
}

function decompressed(bytes: Uint8Array, bytesMax: number): Uint8Array {
  try {
    return unzstdPortable(bytes, bytesMax);
  } catch (error) {
    throw encodingError("zstd", bytesMax, error);
  }
}
