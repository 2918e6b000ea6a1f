import { crc32 } from "node:zlib";
import { CounterfoilError } from "../schema/index.js";
import { journalCorruptError } from "./errors.js";
import type { ItemCounts } from "./types.js";

/**
 * Version of the files that this code writes and the newest that it reads. 2 has `records` beside the three signals; a
 * reader of version 1 would take them for damage, so they are never written to its files.
 */
export const JOURNAL_FORMAT_VERSION = 2;
/** Bytes of the header; the first frame follows. */
export const SEGMENT_HEADER_BYTES = 128;
/** Bytes of the random id that every segment of one journal carries. */
export const JOURNAL_ID_BYTES = 16;

const MAGIC = Buffer.from("CFJOURNL", "latin1");
const OFFSET_VERSION = 8;
const OFFSET_JOURNAL_ID = 16;
const OFFSET_ORDINAL = 32;
const OFFSET_FIRST_SEQ = 40;
const OFFSET_PREVIOUS_FIRST_SEQ = 48;
const OFFSET_RECEIVED_BEFORE = 56;
const OFFSET_COUNTS = 64;
const OFFSET_PREVIOUS_CRC = 88;
/** Zero in version 1. */
const OFFSET_RECORDS = 96;
const OFFSET_CRC = 124;

/** What the first 128 bytes of a segment say. */
export interface SegmentHeader {
  /** {@link JOURNAL_FORMAT_VERSION} of its writer; set by decoding. */
  readonly formatVersion?: number;
  readonly journalId: Buffer;
  /** Number of this file, counted from 1 in the order of creation. */
  readonly ordinal: number;
  /** Seq of its first record. Records of the previous segment from here on were never acknowledged. */
  readonly firstSeq: number;
  /** First seq of the segment before it, 0 for the first: shows when a file in between is missing. */
  readonly previousFirstSeq: number;
  /** Latest receive time of all records before this segment. */
  readonly receivedBeforeUnixNano: bigint;
  /** Cumulative items before this segment. */
  readonly countsBefore: ItemCounts;
  /** Checksum of the last record before this segment. */
  readonly previousCrc: number;
}

/** The bytes of a header. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(JOURNAL_FORMAT_VERSION, OFFSET_VERSION);
  bytes.writeUInt32LE(SEGMENT_HEADER_BYTES, OFFSET_VERSION + 4);
  header.journalId.copy(bytes, OFFSET_JOURNAL_ID);
  bytes.writeBigUInt64LE(BigInt(header.ordinal), OFFSET_ORDINAL);
  bytes.writeBigUInt64LE(BigInt(header.firstSeq), OFFSET_FIRST_SEQ);
  bytes.writeBigUInt64LE(BigInt(header.previousFirstSeq), OFFSET_PREVIOUS_FIRST_SEQ);
  bytes.writeBigUInt64LE(header.receivedBeforeUnixNano, OFFSET_RECEIVED_BEFORE);
  bytes.writeBigUInt64LE(BigInt(header.countsBefore.traces), OFFSET_COUNTS);
  bytes.writeBigUInt64LE(BigInt(header.countsBefore.logs), OFFSET_COUNTS + 8);
  bytes.writeBigUInt64LE(BigInt(header.countsBefore.metrics), OFFSET_COUNTS + 16);
  bytes.writeUInt32LE(header.previousCrc, OFFSET_PREVIOUS_CRC);
  bytes.writeBigUInt64LE(BigInt(header.countsBefore.records), OFFSET_RECORDS);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, OFFSET_CRC)), OFFSET_CRC);
  return bytes;
}

/**
 * The header in `bytes`, or undefined when they are not a whole, undamaged one. Throws CF_JOURNAL_VERSION when the file
 * was written by a newer format: magic and version keep their place in every version.
 */
export function decodeSegmentHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  if (bytes.length < OFFSET_JOURNAL_ID || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const version = bytes.readUInt32LE(OFFSET_VERSION);
  if (version > JOURNAL_FORMAT_VERSION) {
    throw new CounterfoilError(
      "CF_JOURNAL_VERSION",
      `${path} is in journal format ${version}; this version reads up to ${JOURNAL_FORMAT_VERSION}. ` +
        "Start it with the Counterfoil version that wrote it, or a newer one. No file was changed.",
    );
  }
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  if (bytes.readUInt32LE(OFFSET_CRC) !== crc32(bytes.subarray(0, OFFSET_CRC))) return undefined;
  return {
    formatVersion: version,
    journalId: Buffer.from(bytes.subarray(OFFSET_JOURNAL_ID, OFFSET_JOURNAL_ID + JOURNAL_ID_BYTES)),
    ordinal: Number(bytes.readBigUInt64LE(OFFSET_ORDINAL)),
    firstSeq: Number(bytes.readBigUInt64LE(OFFSET_FIRST_SEQ)),
    previousFirstSeq: Number(bytes.readBigUInt64LE(OFFSET_PREVIOUS_FIRST_SEQ)),
    receivedBeforeUnixNano: bytes.readBigUInt64LE(OFFSET_RECEIVED_BEFORE),
    countsBefore: {
      traces: Number(bytes.readBigUInt64LE(OFFSET_COUNTS)),
      logs: Number(bytes.readBigUInt64LE(OFFSET_COUNTS + 8)),
      metrics: Number(bytes.readBigUInt64LE(OFFSET_COUNTS + 16)),
      records: Number(bytes.readBigUInt64LE(OFFSET_RECORDS)),
    },
    previousCrc: bytes.readUInt32LE(OFFSET_PREVIOUS_CRC),
  };
}

/** The refusal of a segment whose header can't be read. */
export function damagedHeaderError(path: string): CounterfoilError {
  return journalCorruptError(
    `${path} has a damaged header, so its records can't be placed. Restore the file from a backup, or move it out of ` +
      "the folder: its records are then reported as a gap and the rest is served.",
  );
}
