import type { OpenSyncFile, SyncFileSystem } from "./file-system.js";
import {
  checksumRecord,
  checksumSeed,
  decodeFrameHeader,
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC_BYTES,
  type FrameHeader,
  frameBytes,
} from "./frame.js";
import { freshChunks, type ReadChunks } from "./read-chunks.js";
import {
  damagedHeaderError,
  decodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./segment-header.js";

/** Bytes per read while scanning, unless the caller wants fewer. */
const CHUNK_BYTES = 4 * 1024 * 1024;

/** A verified record in a segment. */
export interface ScannedRecord {
  readonly header: FrameHeader;
  /** View into a chunk; how long it stays valid is up to the scanner's {@link ReadChunks}. */
  readonly payload: Uint8Array;
  /** Position of its frame, bytes. */
  readonly position: number;
  /** True when damaged bytes were skipped to reach it. */
  readonly afterDamage: boolean;
}

/** The header of an open segment. Throws CF_JOURNAL_VERSION, or CF_JOURNAL_CORRUPT when damaged. */
function headerOf(file: OpenSyncFile, path: string): SegmentHeader {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const header = decodeSegmentHeader(bytes.subarray(0, file.read(bytes, 0)), path);
  if (header === undefined) throw damagedHeaderError(path);
  return header;
}

/**
 * Goes through the records of one segment in order, verifying each. Damaged bytes are skipped by searching for the next
 * valid record: by the damaged record's own length when its header still verifies, else by the frame magic. Every
 * candidate must pass the header checksum, which is seeded with the journal's id, before its payload is looked at, so the
 * search is linear in the file and can't be misled by what a payload holds.
 */
export class SegmentScanner {
  readonly header: SegmentHeader;
  readonly #file: OpenSyncFile;
  readonly #chunks: ReadChunks;
  readonly #seed: number;
  #size = 0;
  #position = SEGMENT_HEADER_BYTES;
  #expectedSeq: number;
  /** Undefined after damage: the checksum of the record before is then not known. */
  #previousCrc: number | undefined;
  #peeked: ScannedRecord | undefined;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = 0;
  #chunkBytes = CHUNK_BYTES;

  /** Opens the file. Throws the file system's errors, CF_JOURNAL_VERSION and CF_JOURNAL_CORRUPT (header). */
  constructor(fs: SyncFileSystem, path: string, chunks: ReadChunks = freshChunks) {
    this.#chunks = chunks;
    this.#file = fs.open(path);
    try {
      this.header = headerOf(this.#file, path);
      this.#size = this.#file.size();
    } catch (error) {
      this.#file.close();
      throw error;
    }
    this.#seed = checksumSeed(this.header.journalId);
    this.#expectedSeq = this.header.firstSeq;
    this.#previousCrc = this.header.previousCrc;
  }

  /** Position behind the last record that was taken, bytes. */
  get position(): number {
    return this.#position;
  }

  /** Size of the file when it was last looked at, bytes. */
  get size(): number {
    return this.#size;
  }

  /**
   * Looks again at a file that is being written: what was read but not verified may have changed. A verified record in
   * its place stays, so that a reader that stopped before it need not read and check it a second time.
   */
  refresh(chunkBytes = CHUNK_BYTES): void {
    this.#size = this.#file.size();
    this.#chunkBytes = chunkBytes;
    const kept = this.#peeked;
    if (kept === undefined || kept.afterDamage) {
      this.#peeked = undefined;
      this.#chunk = Buffer.alloc(0);
    } else {
      const end = kept.position + FRAME_HEADER_BYTES + kept.header.payloadBytes;
      this.#chunk = this.#chunk.subarray(0, end - this.#chunkStart);
    }
  }

  /**
   * Goes to where the record `seq` should start. Returns false, and stays at the segment's first record, when it does
   * not start there. Only before anything was taken.
   */
  seek(position: number, seq: number): boolean {
    this.#position = position;
    this.#expectedSeq = seq;
    this.#previousCrc = undefined;
    const header = position < SEGMENT_HEADER_BYTES ? undefined : this.#headerAt(position);
    if (header?.seq === seq) return true;
    this.#position = SEGMENT_HEADER_BYTES;
    this.#expectedSeq = this.header.firstSeq;
    this.#previousCrc = this.header.previousCrc;
    return false;
  }

  /** The next valid record without taking it, or undefined when there is none in the file (yet). */
  peek(): ScannedRecord | undefined {
    this.#peeked ??= this.#recordAt(this.#position, false) ?? this.#searchAfterDamage();
    return this.#peeked;
  }

  /** Takes the record that {@link peek} showed. */
  take(record: ScannedRecord): void {
    this.#peeked = undefined;
    this.#position = record.position + frameBytes(record.header.payloadBytes);
    this.#expectedSeq = record.header.seq + 1;
    this.#previousCrc = record.header.recordCrc;
  }

  close(): void {
    this.#file.close();
  }

  #headerAt(position: number): FrameHeader | undefined {
    const bytes = this.#view(position, FRAME_HEADER_BYTES);
    if (bytes === undefined) return undefined;
    const header = decodeFrameHeader(bytes, this.#seed);
    // A seq that goes back is a stale record: never acknowledged, or written by a disk that mixed up its sectors.
    return header === undefined || header.seq < this.#expectedSeq ? undefined : header;
  }

  #recordAt(position: number, afterDamage: boolean): ScannedRecord | undefined {
    const header = this.#headerAt(position);
    if (header === undefined) return undefined;
    if (!afterDamage) {
      if (header.seq !== this.#expectedSeq) return undefined;
      if (this.#previousCrc !== undefined && header.previousCrc !== this.#previousCrc) return undefined;
    }
    const bytes = this.#view(position, FRAME_HEADER_BYTES + header.payloadBytes);
    if (bytes === undefined) return undefined;
    const payload = bytes.subarray(FRAME_HEADER_BYTES);
    if (checksumRecord(bytes, payload, this.#seed) !== header.recordCrc) return undefined;
    return { header, payload, position, afterDamage };
  }

  #searchAfterDamage(): ScannedRecord | undefined {
    let position = this.#position;
    const inPlace = this.#headerAt(position);
    if (inPlace !== undefined && inPlace.seq > this.#expectedSeq) {
      const record = this.#recordAt(position, true);
      if (record !== undefined) return record;
    }
    while (position + FRAME_HEADER_BYTES <= this.#size) {
      const header = this.#headerAt(position);
      const next = header === undefined ? undefined : position + frameBytes(header.payloadBytes);
      position = this.#nextMagic(next === undefined || next > this.#size ? position + FRAME_ALIGNMENT : next);
      if (position < 0) return undefined;
      const record = this.#recordAt(position, true);
      if (record !== undefined) return record;
    }
    return undefined;
  }

  /** First aligned position from `from` on that holds the frame magic, -1 when there is none. */
  #nextMagic(from: number): number {
    let position = from;
    while (position + FRAME_HEADER_BYTES <= this.#size) {
      const length = Math.min(this.#chunkBytes, this.#size - position);
      const bytes = this.#view(position, length);
      if (bytes === undefined) return -1;
      let found = bytes.indexOf(FRAME_MAGIC_BYTES);
      while (found >= 0 && found % FRAME_ALIGNMENT !== 0) {
        found = bytes.indexOf(FRAME_MAGIC_BYTES, found + 1);
      }
      if (found >= 0) return position + found;
      // The magic lies at an aligned position, so it never straddles two aligned chunks.
      position += Math.max(FRAME_ALIGNMENT, length - (length % FRAME_ALIGNMENT));
    }
    return -1;
  }

  /** `length` bytes from `position`, or undefined when the file is shorter. */
  #view(position: number, length: number): Buffer | undefined {
    if (position + length > this.#size) return undefined;
    const start = position - this.#chunkStart;
    if (start >= 0 && start + length <= this.#chunk.length)
      return this.#chunk.subarray(start, start + length);
    const wanted = Math.min(Math.max(length, this.#chunkBytes), this.#size - position);
    const chunk = this.#chunks.take(wanted).subarray(0, wanted);
    this.#chunk = chunk.subarray(0, this.#readFully(chunk, position));
    this.#chunkStart = position;
    return this.#chunk.length < length ? undefined : this.#chunk.subarray(0, length);
  }

  #readFully(target: Buffer, position: number): number {
    let filled = 0;
    while (filled < target.length) {
      const count = this.#file.read(target.subarray(filled), position + filled);
      if (count <= 0) break;
      filled += count;
    }
    return filled;
  }
}
