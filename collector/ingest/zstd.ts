import { decompress, Decompress } from "fzstd";
import { CounterfoilError } from "../../schema/index.js";

/** RFC 8878 frame magic, little-endian. */
const MAGIC = 0xfd2fb528;
/** RFC 8878 section 3.1.1.2.4: the largest block after decompression, bytes. */
const BLOCK_BYTES_MAX = 128 * 1024;
/** RFC 8878 section 3.1.1.1.2: what a decoder should support, and what encoders use below their "ultra" levels. */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024;

interface Frame {
  readonly contentBytes: number | undefined;
  readonly windowBytes: number;
  readonly blocks: number;
}

/**
 * Decompresses one zstd frame in JavaScript, for Node versions whose zlib has no zstd. The frame's structure is walked
 * first, so that a header can't make the decoder reserve or copy more than the bounds allow.
 *
 * Throws a RangeError when the output would pass `bytesMax`, and CF_ENCODING_INVALID or the decoder's error when it
 * is not exactly one whole frame. The frame's optional content checksum is not compared.
 */
export function unzstdPortable(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const frame = walkFrame(bytes);
  if (frame.contentBytes !== undefined) {
    if (frame.contentBytes > bytesMax) throw new RangeError("zstd output too large");
    if (frame.contentBytes > frame.blocks * BLOCK_BYTES_MAX) throw damaged("its size field can't be true");
    return decompress(bytes, new Uint8Array(frame.contentBytes));
  }
  if (frame.windowBytes > WINDOW_BYTES_MAX) throw damaged(`its window is over ${WINDOW_BYTES_MAX} bytes`);
  // The streaming decoder moves the whole window once per block: bound the blocks, not only the bytes.
  if (frame.blocks > 4 * Math.ceil(bytesMax / BLOCK_BYTES_MAX)) throw new RangeError("zstd output too large");
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stream = new Decompress((chunk) => {
    size += chunk.length;
    if (size > bytesMax) throw new RangeError("zstd output too large");
    chunks.push(chunk);
  });
  stream.push(bytes, false);
  return Buffer.concat(chunks, size);
}

/** The size that the frame says it has after decompression; undefined when it does not. Throws as {@link unzstdPortable}. */
export function zstdContentBytes(bytes: Uint8Array): number | undefined {
  return walkFrame(bytes).contentBytes;
}

/** Reads the frame header and every block header; nothing is decompressed. */
function walkFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 9 || view.getUint32(0, true) !== MAGIC) throw damaged("it does not begin with a frame");
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const checksum = (descriptor & 0x04) !== 0;
  let at = 5;
  let windowBytes = 0;
  if (!singleSegment) {
    const window = view.getUint8(at++);
    windowBytes = 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  }
  at += [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeFlag = descriptor >> 6;
  let contentBytes: number | undefined;
  if (sizeFlag !== 0 || singleSegment) {
    const width = 2 ** sizeFlag;
    if (at + width > bytes.length) throw damaged("it is truncated");
    if (width === 1) contentBytes = view.getUint8(at);
    else if (width === 2) contentBytes = view.getUint16(at, true) + 256;
    else if (width === 4) contentBytes = view.getUint32(at, true);
    else contentBytes = Number(view.getBigUint64(at, true));
    at += width;
  }
  let blocks = 0;
  for (let last = false; !last; blocks++) {
    if (at + 3 > bytes.length) throw damaged("it is truncated");
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    if (type === 3) throw damaged("it has a block of a reserved type");
    at += 3 + (type === 1 ? 1 : header >> 3);
  }
  at += checksum ? 4 : 0;
  if (at > bytes.length) throw damaged("it is truncated");
  if (at < bytes.length) throw damaged("it holds more than one frame, or bytes after its end");
  return { contentBytes, windowBytes, blocks };
}

function damaged(what: string): CounterfoilError {
  return new CounterfoilError(
    "CF_ENCODING_INVALID",
    `The body is not valid zstd as its encoding says: ${what}.`,
  );
}
