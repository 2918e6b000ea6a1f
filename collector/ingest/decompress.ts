import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { PayloadEncoding } from "../../journal/index.js";
import { DECOMPRESS_CHUNK_BYTES } from "../../schema/index.js";
import type { Reservation } from "./admission.js";
import { DecompressSlots } from "./decompress-slots.js";
import { overloaded } from "./ingest-errors.js";
import { encodingError, inflatedTooLarge, invalidEncoding, isOverflow } from "./encoding-errors.js";
import { zstdContentBytes } from "./zstd.js";

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

/** A body to be decompressed. */
export interface CompressedBody {
  readonly encoding: Exclude<PayloadEncoding, "identity">;
  readonly bytes: Uint8Array;
  /** Cap on the size after decompression. */
  readonly bytesMax: number;
  /** Is told of the memory that the result takes, before it is taken. */
  readonly reservation: Pick<Reservation, "hold" | "drop">;
}

/** A decompressed body, and whether its compressed form can be journalled as it came. */
export interface Decompressed {
  readonly bytes: Uint8Array;
  /** Still compressed: zstd, where Node can't decompress it without holding the event loop. */
  readonly zstd: boolean;
  /** False for codings that only this process can read surely: raw deflate, and zstd without Node's own decoder. */
  readonly keepCompressed: boolean;
}

/** gzip's header and trailer alone (RFC 1952). */
const GZIP_BYTES_MIN = 18;
/** Deflate can't compress better than 1032 to 1. */
const DEFLATE_RATIO_MAX = 1_032;
/** zlib's least output buffer, bytes. */
const CHUNK_BYTES_MIN = 64;

/** Decompresses bodies off the event loop, one-shot, a few at a time. */
export class Decompressor {
  readonly #slots = new DecompressSlots();

  /**
   * Throws CF_BODY_TOO_LARGE as soon as the output would pass `bytesMax`, for gzip before decompressing anything, and
   * CF_ENCODING_INVALID for anything that is not exactly one complete, intact member: truncated, wrong checksum,
   * several members, bytes after the end. CF_OVERLOADED when too many decompressed bodies wait already.
   */
  async decompress(body: CompressedBody): Promise<Decompressed> {
    const { encoding, bytes, bytesMax } = body;
    if (encoding === "zstd" && unzstd === undefined) {
      const size = Math.min(bytesMax, zstdContentBytes(bytes) ?? bytesMax);
      if (!body.reservation.hold(size)) throw overloaded();
      return { bytes, zstd: true, keepCompressed: false };
    }
    const expected = statedBytes(encoding, bytes);
    if (expected !== undefined && expected > bytesMax) throw inflatedTooLarge(bytesMax);
    const worst = encoding === "deflate" ? Math.min(bytesMax, bytes.length * DEFLATE_RATIO_MAX) : bytesMax;
    const held = expected ?? worst;
    return this.#slots.run(held, async () => {
      if (!body.reservation.hold(held)) throw overloaded();
      try {
        const { plain, keepCompressed } = await inflateBody(body, expected);
        body.reservation.drop(held - plain.length);
        return { bytes: plain, zstd: false, keepCompressed };
      } catch (error) {
        if (expected !== undefined && isOverflow(error)) throw unlikeItSays(encoding, error);
        throw encodingError(encoding, bytesMax, error);
      }
    });
  }
}

async function inflateBody(
  { encoding, bytes, bytesMax }: CompressedBody,
  expected: number | undefined,
): Promise<{ plain: Uint8Array; keepCompressed: boolean }> {
  // One byte more than the whole: a buffer that comes out full makes zlib ask for another one.
  const chunk =
    expected === undefined ? Math.min(bytes.length * 8, DECOMPRESS_CHUNK_BYTES / 4) : expected + 1;
  const options = {
    chunkSize: Math.max(CHUNK_BYTES_MIN, Math.min(chunk, DECOMPRESS_CHUNK_BYTES)),
    maxOutputLength: Math.max(1, expected ?? bytesMax),
  };
  switch (encoding) {
    case "gzip": {
      const plain = await gunzip(bytes, options);
      // Node's gunzip joins members and ignores what follows the last; the size in the trailer shows both.
      if (plain.length !== expected) throw unlikeItSays(encoding);
      return { plain, keepCompressed: true };
    }
    case "deflate": {
      // RFC 9110 means zlib by "deflate", but some clients send the raw form: the two are told apart by the header.
      const wrapped = isZlib(bytes);
      return { plain: await (wrapped ? inflate : inflateRaw)(bytes, options), keepCompressed: wrapped };
    }
    case "zstd":
      if (unzstd === undefined) throw new RangeError("zstd is not decompressed here");
      return { plain: await unzstd(bytes, options), keepCompressed: true };
  }
}

/**
 * The size after decompression that the body states itself, where its format does: gzip in its trailer (modulo 2^32, far
 * above any cap), zstd mostly in its header. A lie can't help anyone: more output than that is refused.
 */
function statedBytes(encoding: CompressedBody["encoding"], bytes: Uint8Array): number | undefined {
  if (encoding === "zstd") return zstdContentBytes(bytes);
  if (encoding === "deflate") return undefined;
  if (bytes.length < GZIP_BYTES_MIN) throw invalidEncoding("gzip", "it is cut off");
  const trailer = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = trailer.getUint32(bytes.byteLength - 4, true);
  if (size > bytes.length * DEFLATE_RATIO_MAX) throw unlikeItSays(encoding);
  return size;
}

function unlikeItSays(encoding: string, cause?: unknown): Error {
  const what = "it is cut off, holds more than one member, or has bytes after its end";
  return invalidEncoding(encoding, what, cause);
}

function isZlib(bytes: Uint8Array): boolean {
  const [cmf = 0, flags = 0] = bytes;
  return (cmf & 0x0f) === 8 && cmf >> 4 <= 7 && ((cmf << 8) | flags) % 31 === 0;
}
