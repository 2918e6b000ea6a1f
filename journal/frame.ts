import { crc32 } from "node:zlib";
import type { JournalSignal } from "../schema/index.js";
import type { ItemCounts, JournalEntry, PayloadEncoding } from "./types.js";

/** "CFr1" in the file: where a search for the next record after damage looks. */
export const FRAME_MAGIC = 0x31724643;
/** The same four bytes in file order. */
export const FRAME_MAGIC_BYTES = Uint8Array.of(0x43, 0x46, 0x72, 0x31);
/** Bytes before the payload. */
export const FRAME_HEADER_BYTES = 72;
/** Frames start at multiples of this, so that a header never straddles a sector edge half-written unnoticed. */
export const FRAME_ALIGNMENT = 8;

const OFFSET_LENGTH = 4;
const OFFSET_SEQ = 8;
const OFFSET_RECEIVED = 16;
const OFFSET_ITEMS_BEFORE = 24;
const OFFSET_SIGNAL = 48;
const OFFSET_ENCODING = 49;
const OFFSET_RESERVED = 50;
const OFFSET_ITEM_COUNT = 52;
const OFFSET_PREVIOUS_CRC = 56;
const OFFSET_HEADER_CRC = 60;
const OFFSET_RECORD_CRC = 64;
const OFFSET_RESERVED_END = 68;

const U16 = 2 ** 16;
const U32 = 2 ** 32;

// Numbers on disk. They may grow, never change.
const SIGNAL_CODES: Record<JournalSignal, number> = { traces: 1, logs: 2, metrics: 3, records: 4 };
const SIGNAL_BY_CODE: readonly (JournalSignal | undefined)[] = [
  undefined,
  "traces",
  "logs",
  "metrics",
  "records",
];
const ENCODING_CODES: Record<PayloadEncoding, number> = { identity: 0, gzip: 1, deflate: 2, zstd: 3 };
const ENCODING_BY_CODE: readonly (PayloadEncoding | undefined)[] = ["identity", "gzip", "deflate", "zstd"];

/** What a frame header says, once its own checksum is verified. */
export interface FrameHeader {
  readonly seq: number;
  readonly receivedUnixNano: bigint;
  readonly signal: JournalSignal;
  readonly encoding: PayloadEncoding;
  readonly itemCount: number;
  readonly payloadBytes: number;
  /** Cumulative items before this record. */
  readonly countsBefore: ItemCounts;
  readonly previousCrc: number;
  readonly recordCrc: number;
}

/** Position of a record in the log that an encoder needs. */
export interface FramePlace {
  readonly seq: number;
  readonly countsBefore: ItemCounts;
  readonly previousCrc: number;
  /** {@link checksumSeed} of the journal. */
  readonly seed: number;
}

/**
 * Start value of every record checksum: the CRC of the journal's random id. A payload can therefore not hold bytes that
 * pass for a record, and a record copied from another journal does not verify.
 */
export function checksumSeed(journalId: Uint8Array): number {
  return crc32(journalId);
}

/** Zero bytes between a payload and the next frame. */
export function paddingBytes(payloadBytes: number): number {
  return (FRAME_ALIGNMENT - (payloadBytes % FRAME_ALIGNMENT)) % FRAME_ALIGNMENT;
}

/** Bytes of a whole frame on disk. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + payloadBytes + paddingBytes(payloadBytes);
}

function writeU64(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32LE(value % U32, offset);
  buffer.writeUInt32LE(Math.floor(value / U32), offset + 4);
}

function readU64(buffer: Buffer, offset: number): number {
  return buffer.readUInt32LE(offset + 4) * U32 + buffer.readUInt32LE(offset);
}

/**
 * Four counts of 48 bits in 24 bytes. Format 1 had three of 64 bits, whose upper 16 bits no journal ever needed: those
 * hold the count of records now, so that the frames of both formats read alike.
 */
function writeCounts(buffer: Buffer, { traces, logs, metrics, records }: ItemCounts): void {
  buffer.writeUIntLE(traces, OFFSET_ITEMS_BEFORE, 6);
  buffer.writeUInt16LE(records % U16, OFFSET_ITEMS_BEFORE + 6);
  buffer.writeUIntLE(logs, OFFSET_ITEMS_BEFORE + 8, 6);
  buffer.writeUInt16LE(Math.floor(records / U16) % U16, OFFSET_ITEMS_BEFORE + 14);
  buffer.writeUIntLE(metrics, OFFSET_ITEMS_BEFORE + 16, 6);
  buffer.writeUInt16LE(Math.floor(records / U32), OFFSET_ITEMS_BEFORE + 22);
}

function readCounts(buffer: Buffer): ItemCounts {
  const low = buffer.readUInt16LE(OFFSET_ITEMS_BEFORE + 6);
  const middle = buffer.readUInt16LE(OFFSET_ITEMS_BEFORE + 14);
  const high = buffer.readUInt16LE(OFFSET_ITEMS_BEFORE + 22);
  return {
    traces: buffer.readUIntLE(OFFSET_ITEMS_BEFORE, 6),
    logs: buffer.readUIntLE(OFFSET_ITEMS_BEFORE + 8, 6),
    metrics: buffer.readUIntLE(OFFSET_ITEMS_BEFORE + 16, 6),
    records: low + middle * U16 + high * U32,
  };
}

/** Writes the header of `entry` into `target` (FRAME_HEADER_BYTES long) and returns the record checksum. */
export function encodeFrameHeader(target: Buffer, entry: JournalEntry, place: FramePlace): number {
  target.writeUInt32LE(FRAME_MAGIC, 0);
  target.writeUInt32LE(entry.payload.length, OFFSET_LENGTH);
  writeU64(target, place.seq, OFFSET_SEQ);
  target.writeBigUInt64LE(entry.receivedUnixNano, OFFSET_RECEIVED);
  writeCounts(target, place.countsBefore);
  target[OFFSET_SIGNAL] = SIGNAL_CODES[entry.signal];
  target[OFFSET_ENCODING] = ENCODING_CODES[entry.encoding];
  target.writeUInt16LE(0, OFFSET_RESERVED);
  target.writeUInt32LE(entry.itemCount, OFFSET_ITEM_COUNT);
  target.writeUInt32LE(place.previousCrc, OFFSET_PREVIOUS_CRC);
  const headerCrc = crc32(target.subarray(0, OFFSET_HEADER_CRC), place.seed);
  target.writeUInt32LE(headerCrc, OFFSET_HEADER_CRC);
  const recordCrc = checksumRecord(target, entry.payload, place.seed);
  target.writeUInt32LE(recordCrc, OFFSET_RECORD_CRC);
  target.writeUInt32LE(0, OFFSET_RESERVED_END);
  return recordCrc;
}

/** The checksum over a frame's first 64 bytes and its payload. */
export function checksumRecord(header: Buffer, payload: Uint8Array, seed: number): number {
  return crc32(payload, crc32(header.subarray(0, OFFSET_RECORD_CRC), seed));
}

/** The header in `bytes` (FRAME_HEADER_BYTES long), or undefined when it is not a frame of this journal. */
export function decodeFrameHeader(bytes: Buffer, seed: number): FrameHeader | undefined {
  if (bytes.readUInt32LE(0) !== FRAME_MAGIC) return undefined;
  if (bytes.readUInt32LE(OFFSET_HEADER_CRC) !== crc32(bytes.subarray(0, OFFSET_HEADER_CRC), seed)) {
    return undefined;
  }
  const signal = SIGNAL_BY_CODE[bytes[OFFSET_SIGNAL] ?? 0];
  const encoding = ENCODING_BY_CODE[bytes[OFFSET_ENCODING] ?? 0];
  if (signal === undefined || encoding === undefined) return undefined;
  return {
    seq: readU64(bytes, OFFSET_SEQ),
    receivedUnixNano: bytes.readBigUInt64LE(OFFSET_RECEIVED),
    signal,
    encoding,
    itemCount: bytes.readUInt32LE(OFFSET_ITEM_COUNT),
    payloadBytes: bytes.readUInt32LE(OFFSET_LENGTH),
    countsBefore: readCounts(bytes),
    previousCrc: bytes.readUInt32LE(OFFSET_PREVIOUS_CRC),
    recordCrc: bytes.readUInt32LE(OFFSET_RECORD_CRC),
  };
}
