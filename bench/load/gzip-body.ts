import { constants, crc32, deflateRawSync, gunzipSync } from "node:zlib";

/**
 * A gzip'd body whose trace ids can still be changed: their first four bytes lie in stored (uncompressed) blocks, so
 * they can be overwritten, and CRC-32 is linear, so the new checksum follows from one word for each of the 32 bits.
 * Compressing each request anew would cost the load generator more than the server that it measures.
 */
export interface GzipBody {
  readonly bytes: Buffer;
  /** Offset of each span's changeable four bytes in `bytes`. */
  readonly ids: Uint32Array;
  /** What flipping bit n of all ids does to the checksum. */
  readonly crcByBit: Uint32Array;
}

const ID_BYTES = 4;
const WINDOW_BYTES = 32 * 1024;
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);
/** A stored block, not the last: three bits that fill a byte here, the length and its complement. */
const STORED = Uint8Array.of(0, ID_BYTES, 0, 0xff ^ ID_BYTES, 0xff);
/** Zlib's own default, and that of most exporters. */
const LEVEL = 6;
const CHECK = 0x5a17c0de;

/** Compresses `body`, whose ids lie at `ids`. */
export function encodeGzipBody(body: Uint8Array, ids: Uint32Array): GzipBody {
  const parts: Uint8Array[] = [HEADER];
  const found: number[] = [];
  let size = HEADER.length;
  let from = 0;
  const push = (part: Uint8Array): void => {
    parts.push(part);
    size += part.length;
  };
  for (const id of ids) {
    push(compress(body, from, id));
    push(STORED);
    found.push(size);
    push(body.subarray(id, id + ID_BYTES));
    from = id + ID_BYTES;
  }
  push(compress(body, from, body.length, constants.Z_FINISH));
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(body), 0);
  trailer.writeUInt32LE(body.length, 4);
  push(trailer);
  const result = { bytes: Buffer.concat(parts), ids: Uint32Array.from(found), crcByBit: crcWords(body, ids) };
  verify(result, body, ids);
  return result;
}

/** One piece as deflate blocks that may refer to what stands before it, ending at a byte's edge. */
function compress(body: Uint8Array, from: number, to: number, finishFlush = constants.Z_SYNC_FLUSH): Buffer {
  const window = body.subarray(Math.max(0, from - WINDOW_BYTES), from);
  return deflateRawSync(body.subarray(from, to), {
    level: LEVEL,
    finishFlush,
    ...(window.length === 0 ? {} : { dictionary: window }),
  });
}

/** The checksum's change for each bit: 32 checksums, once for each body. */
function crcWords(body: Uint8Array, ids: Uint32Array): Uint32Array {
  const copy = Buffer.from(body);
  const before = crc32(copy);
  return Uint32Array.from({ length: 32 }, (_, bit) => {
    const word = (1 << bit) >>> 0;
    flip(copy, ids, word);
    const change = (crc32(copy) ^ before) >>> 0;
    flip(copy, ids, word);
    return change;
  });
}

function flip(bytes: Buffer, offsets: Uint32Array, word: number): void {
  for (const at of offsets) bytes.writeUInt32LE((bytes.readUInt32LE(at) ^ word) >>> 0, at);
}

/** Changes all ids of a gzip'd body by `word` and puts its checksum right. `shift`: where the body starts in `bytes`. */
export function changeGzipIds(bytes: Buffer, body: Pick<GzipBody, "ids" | "crcByBit">, word: number): void {
  flip(bytes, body.ids, word);
  let change = 0;
  for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) change ^= body.crcByBit[bit] ?? 0;
  const at = bytes.length - 8;
  bytes.writeUInt32LE((bytes.readUInt32LE(at) ^ change) >>> 0, at);
}

function verify(result: GzipBody, body: Uint8Array, ids: Uint32Array): void {
  const expected = Buffer.from(body);
  flip(expected, ids, CHECK);
  const changed = Buffer.from(result.bytes);
  changeGzipIds(changed, result, CHECK);
  if (!gunzipSync(changed).equals(expected))
    throw new Error("a changed gzip body does not read as it should");
}
