import { gunzipSync, inflateSync } from "node:zlib";
import { decompress as unzstd } from "fzstd";
import type { PayloadEncoding } from "../../journal/index.js";
import {
  CounterfoilError,
  decodeOtlp,
  EXPORT_INFLATED_BYTES_MAX,
  errorMessage,
  type Signal,
  type SignalData,
} from "../../schema/index.js";
import type { ExportPart } from "./exporter.js";

/** A stored payload without its compression. Throws CF_OTLP_MALFORMED when it does not decompress. */
export function inflatePayload(encoding: PayloadEncoding, payload: Uint8Array): Uint8Array {
  const limits = { maxOutputLength: EXPORT_INFLATED_BYTES_MAX };
  try {
    switch (encoding) {
      case "identity":
        return payload;
      case "gzip":
        return gunzipSync(payload, limits);
      case "deflate":
        return inflateSync(payload, limits);
      case "zstd":
        return unzstd(payload);
    }
  } catch (error) {
    throw new CounterfoilError(
      "CF_OTLP_MALFORMED",
      `A stored ${encoding} payload of ${payload.byteLength} bytes does not decompress: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

/** The part's items as objects, decoded when they are still bytes. */
export function partData<S extends Signal>(signal: S, part: ExportPart): SignalData[S] {
  if (part.body.kind === "data") return part.body.data as SignalData[S];
  return decodeOtlp(signal, inflatePayload(part.body.encoding, part.body.payload));
}
