import { encodeFrameHeader, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, frameBytes, paddingBytes } from "./frame.js";
import { withItems } from "./item-counts.js";
import type { LogEnd } from "./recovery.js";
import type { JournalEntry } from "./types.js";

/** Entries as bytes to write, and the end of the log once they are durable. */
export interface EncodedBatch {
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  readonly end: LogEnd;
}

/**
 * Frames the entries behind `end`. Payloads are not copied. The bytes depend only on the log before them, not on the
 * segment, so the same batch can be written again to another file.
 */
export function encodeBatch(entries: readonly JournalEntry[], end: LogEnd, seed: number): EncodedBatch {
  const buffers: Uint8Array[] = [];
  let bytes = 0;
  let { seq, counts, previousCrc, receivedUnixNano } = end;
  // One allocation for what stands between the payloads of all: small requests come by the dozen.
  const between = Buffer.alloc(entries.length * (FRAME_HEADER_BYTES + FRAME_ALIGNMENT));
  let at = 0;
  // Padding of a record and header of the next one share one buffer: fewer pieces per writev.
  let padding = 0;
  for (const entry of entries) {
    seq++;
    const start = at;
    at += padding + FRAME_HEADER_BYTES;
    const piece = between.subarray(start, at);
    const place = { seq, countsBefore: counts, previousCrc, seed };
    previousCrc = encodeFrameHeader(between.subarray(start + padding, at), entry, place);
    counts = withItems(counts, entry.signal, entry.itemCount);
    if (entry.receivedUnixNano > receivedUnixNano) receivedUnixNano = entry.receivedUnixNano;
    padding = paddingBytes(entry.payload.length);
    bytes += frameBytes(entry.payload.length);
    buffers.push(piece, entry.payload);
  }
  buffers.push(between.subarray(at, at + padding));
  return { buffers, bytes, end: { seq, counts, previousCrc, receivedUnixNano } };
}
