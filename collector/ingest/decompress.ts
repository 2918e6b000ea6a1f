import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { PayloadEncoding } from "../../journal/index.js";
import { CounterfoilError, DECOMPRESS_CHUNK_BYTES, errorMessage } from "../../schema/index.js";
import { unzstdPortable } from "./zstd.js";

/** Content codings that a receiver accepts. */
export const ACCEPTED_ENCODINGS = [
  "identity",
  "gzip",
  "deflate",
  "zstd",
] as const satisfies PayloadEncoding[];

type Inflate = (bytes: Uint8Array, options: zlib.ZlibOptions) => Promise<Buffer>;

const gunzip: Inflate = promisify(zlib.gunzip as never);
const inflate: Inflate = promisify(zlib.inflate as never);
const inflateRaw: Inflate = promisify(zlib.inflateRaw as never);
/** Node has zstd from 22.15; before that a pure JavaScript decoder does it. */
const nativeZstd = (zlib as { zstdDecompress?: unknown }).zstdDecompress;
const unzstd = typeof nativeZstd === "function" ? promiseOf(nativeZstd as never) : undefined;

function promiseOf(decompress: never): Inflate {
  return promisify(decompress);
}

/** A decompressed body, and whether its compressed form can be journalled as it came. */
export interface Decompressed {
  readonly body: Uint8Array;
  /** False for codings that only this process can read surely: raw deflate, and zstd without Node's own decoder. */
  readonly keepCompressed: boolean;
}

/**
 * Decompresses one body off the event loop, one-shot.
 *
 * Throws CF_BODY_TOO_LARGE as soon as the output passes `bytesMax`, and CF_ENCODING_INVALID for anything that is not
 * exactly one complete, intact member: truncated, wrong checksum, several members, bytes after the end.
 */
export async function decompressBody(
  encoding: Exclude<PayloadEncoding, "identity">,
  bytes: Uint8Array,
  bytesMax: number,
): Promise<Decompressed> {
  const options = {
    chunkSize: Math.max(16_384, Math.min(DECOMPRESS_CHUNK_BYTES, bytes.length * 8)),
    maxOutputLength: bytesMax,
  };
  try {
    switch (encoding) {
      case "gzip":
        return { body: await gunzipOne(bytes, options), keepCompressed: true };
      case "deflate": {
        // RFC 9110 means zlib by "deflate", but some clients send the raw form: the two are told apart by the header.
        const wrapped = isZlib(bytes);
        return {
          body: await (wrapped ? inflate : inflateRaw)(bytes, options),
          keepCompressed: wrapped,
        };
      }
      case "zstd":
        if (unzstd !== undefined) return { body: await unzstd(bytes, options), keepCompressed: true };
        return { body: unzstdPortable(bytes, bytesMax), keepCompressed: false };
    }
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    const overflow = error instanceof RangeError && error.message.includes("too large");
    if (overflow || (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE")
      throw tooLarge(bytesMax, error);
    throw invalid(encoding, errorMessage(error), error);
  }
}

/** Node's gunzip joins members and ignores what follows the last; the size in the trailer shows both. */
async function gunzipOne(bytes: Uint8Array, options: zlib.ZlibOptions): Promise<Buffer> {
  const body = await gunzip(bytes, options);
  const trailer = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = trailer.getUint32(bytes.byteLength - 4, true);
  if (size !== body.length % 2 ** 32) {
    throw invalid("gzip", "it holds more than one member, or bytes after its end");
  }
  return body;
}

function isZlib(bytes: Uint8Array): boolean {
  const [cmf = 0, flags = 0] = bytes;
  return (cmf & 0x0f) === 8 && cmf >> 4 <= 7 && ((cmf << 8) | flags) % 31 === 0;
}

function invalid(encoding: string, what: string, cause?: unknown): CounterfoilError {
  return new CounterfoilError(
    "CF_ENCODING_INVALID",
    `The body is not valid ${encoding} as its encoding says: ${what}.`,
    { cause },
  );
}

function tooLarge(bytesMax: number, cause?: unknown): CounterfoilError {
  return new CounterfoilError(
    "CF_BODY_TOO_LARGE",
    `The body is larger than ${bytesMax} bytes after decompression. Send smaller batches, or raise max_request_body_size.`,
    { cause },
  );
}
