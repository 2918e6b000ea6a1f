import { join } from "node:path";
import { CounterfoilError, GROUP_COMMIT_BYTES_MAX } from "../schema/index.js";
import { journalCorruptError, journalIoError } from "./errors.js";
import { type FileSystem, writeFully } from "./file-system.js";
import { withItems, zeroCounts } from "./item-counts.js";
import type { JournalEvent } from "./journal-event.js";
import { liveSegments, parseSegmentNames, type SegmentFile, segmentFileName } from "./segment-files.js";
import {
  damagedHeaderError,
  decodeSegmentHeader,
  JOURNAL_FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./segment-header.js";
import { SegmentScanner } from "./segment-scanner.js";
import type { ItemCounts } from "./types.js";

/** A segment on disk as the writer knows it. */
export interface KnownSegment extends SegmentFile {
  readonly path: string;
  bytes: number;
}

/** Where the log ends: what the next record and the next segment header build on. */
export interface LogEnd {
  readonly seq: number;
  readonly counts: ItemCounts;
  /** Checksum of the last record. */
  readonly previousCrc: number;
  /** Latest receive time of all records. */
  readonly receivedUnixNano: bigint;
}

/** What {@link recoverJournal} found. */
export interface RecoveredJournal {
  /** Undefined when the folder holds no journal yet. */
  readonly journalId: Buffer | undefined;
  /** In order of creation. */
  readonly segments: KnownSegment[];
  readonly end: LogEnd;
  /** Position in the last segment where writing goes on, bytes. */
  readonly endPosition: number;
  /** False when the last segment is in an earlier format, which a later version's records must not go into. */
  readonly appendable: boolean;
  /** First number that no file has used. */
  readonly nextOrdinal: number;
}

interface Context {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly emit: (event: JournalEvent) => void;
}

/**
 * Reads what a previous run left: every header, and all records of the last segment. Cuts a torn, zero-filled or garbage
 * tail behind the last valid record and makes the rest durable. Nothing is changed unless every header is good.
 * Throws CF_JOURNAL_CORRUPT, CF_JOURNAL_VERSION and CF_JOURNAL_IO.
 */
export async function recoverJournal(context: Context): Promise<RecoveredJournal> {
  try {
    return await recover(context);
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    throw journalIoError("opening the journal", context.dir, error);
  }
}

async function recover({ fs, dir, emit }: Context): Promise<RecoveredJournal> {
  const files = parseSegmentNames(await fs.readdir(dir));
  const nextOrdinal = (files.at(-1)?.ordinal ?? 0) + 1;
  const found = readHeaders(fs, dir, files);
  checkOrder(dir, found.headers, emit);
  for (const path of found.neverUsed) {
    await fs.unlink(path);
    emit({ kind: "unused_segment_removed", path });
  }
  const segments: KnownSegment[] = [];
  for (const { file } of found.headers) {
    const path = join(dir, file.name);
    segments.push({ ...file, path, bytes: (await fs.stat(path)).size });
  }
  const last = segments.at(-1);
  const lastHeader = found.headers.at(-1)?.header;
  if (last === undefined || lastHeader === undefined) {
    const end = { seq: 0, counts: zeroCounts(), previousCrc: 0, receivedUnixNano: 0n };
    return { journalId: undefined, segments, end, endPosition: 0, appendable: false, nextOrdinal };
  }
  const tail = scanLast(fs, last, emit);
  await secureTail({ fs, dir, emit }, last, tail);
  const { end, endPosition } = tail;
  const appendable = lastHeader.formatVersion === JOURNAL_FORMAT_VERSION;
  return { journalId: lastHeader.journalId, segments, end, endPosition, appendable, nextOrdinal };
}

interface FoundHeader {
  readonly file: SegmentFile;
  readonly header: SegmentHeader;
}

function readHeaders(
  fs: FileSystem,
  dir: string,
  files: readonly SegmentFile[],
): { headers: FoundHeader[]; neverUsed: string[] } {
  const headers: FoundHeader[] = [];
  const neverUsed: string[] = [];
  for (const file of files) {
    const path = join(dir, file.name);
    const { header, size } = readHeader(fs, path);
    if (header !== undefined) headers.push({ file, header });
    // The header is made durable before the first record, so a broken one in a file with no room for records is a
    // creation that a crash or a failing disk cut short. In any other file it is damage.
    else if (size <= SEGMENT_HEADER_BYTES) neverUsed.push(path);
    else throw damagedHeaderError(path);
  }
  return { headers, neverUsed };
}

function readHeader(fs: FileSystem, path: string): { header: SegmentHeader | undefined; size: number } {
  const file = fs.sync.open(path);
  try {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const count = file.read(bytes, 0);
    return { header: decodeSegmentHeader(bytes.subarray(0, count), path), size: file.size() };
  } finally {
    file.close();
  }
}

function checkOrder(dir: string, found: readonly FoundHeader[], emit: (event: JournalEvent) => void): void {
  const first = found[0];
  for (const { file, header } of found) {
    const path = join(dir, file.name);
    if (first !== undefined && !header.journalId.equals(first.header.journalId)) {
      throw journalCorruptError(
        `${path} belongs to another journal than ${first.file.name} in the same folder. Move the file that does not ` +
          "belong here out of the folder, then start again. No file was changed.",
      );
    }
    if (header.ordinal !== file.ordinal || header.firstSeq !== file.firstSeq) {
      throw journalCorruptError(
        `${path} was renamed: its header says it is ${segmentFileName(header.ordinal, header.firstSeq)}. ` +
          "Give it back that name, then start again. No file was changed.",
      );
    }
  }
  const live = liveSegments(found.map(({ file, header }) => ({ ...file, header })));
  for (const [index, file] of live.entries()) {
    const before = live[index - 1];
    if (before === undefined || file.header.previousFirstSeq === before.firstSeq) continue;
    const path = join(dir, file.name);
    if (file.header.previousFirstSeq < before.firstSeq) {
      throw journalCorruptError(
        `${path} is out of order: it was written after the segment that starts at seq ` +
          `${file.header.previousFirstSeq}, but ${before.name} lies in between. Move the file that does not belong ` +
          "here out of the folder, then start again. No file was changed.",
      );
    }
    emit({ kind: "segment_missing", path, fromSeq: file.header.previousFirstSeq, toSeq: file.firstSeq - 1 });
  }
}

interface LastSegment {
  readonly end: LogEnd;
  readonly endPosition: number;
  /** Where the last record begins; the end of the header when there is none. */
  readonly lastRecordPosition: number;
}

function scanLast(fs: FileSystem, last: KnownSegment, emit: (event: JournalEvent) => void): LastSegment {
  const scanner = new SegmentScanner(fs.sync, last.path);
  try {
    let end: LogEnd = {
      seq: scanner.header.firstSeq - 1,
      counts: scanner.header.countsBefore,
      previousCrc: scanner.header.previousCrc,
      receivedUnixNano: scanner.header.receivedBeforeUnixNano,
    };
    let lastRecordPosition = scanner.position;
    for (let record = scanner.peek(); record !== undefined; record = scanner.peek()) {
      const { header } = record;
      lastRecordPosition = record.position;
      if (record.afterDamage) {
        const bytes = record.position - scanner.position;
        emit({ kind: "quarantined", path: last.path, fromSeq: end.seq + 1, toSeq: header.seq - 1, bytes });
      }
      const received = header.receivedUnixNano;
      end = {
        seq: header.seq,
        counts: withItems(header.countsBefore, header.signal, header.itemCount),
        previousCrc: header.recordCrc,
        receivedUnixNano: received > end.receivedUnixNano ? received : end.receivedUnixNano,
      };
      scanner.take(record);
    }
    return { end, endPosition: scanner.position, lastRecordPosition };
  } finally {
    scanner.close();
  }
}

/**
 * Cuts what follows the last valid record and makes the rest durable: what a killed process wrote but did not sync counts
 * from now on. If its last sync had failed, the kernel holds those bytes as clean although the disk may not have them,
 * and a sync alone would change nothing. So the bytes of the largest possible commit are first written again as they
 * are, which marks them for writing.
 */
async function secureTail({ fs, dir, emit }: Context, last: KnownSegment, tail: LastSegment): Promise<void> {
  const { endPosition: end, lastRecordPosition } = tail;
  const from = Math.max(0, Math.min(lastRecordPosition, end - GROUP_COMMIT_BYTES_MAX));
  const bytes = readRange(fs, last.path, from, end);
  const file = await fs.open(last.path, "existing");
  try {
    if (last.bytes > end) {
      emit({ kind: "tail_truncated", path: last.path, position: end, bytes: last.bytes - end });
      await file.truncate(end);
    }
    last.bytes = end;
    await writeFully(file, [bytes], from);
    await file.sync();
  } finally {
    await file.close();
  }
  await fs.syncDirectory(dir);
}

/** Bytes from `from` to `to`; zeros where the file ends earlier, which can only be padding. */
function readRange(fs: FileSystem, path: string, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  const file = fs.sync.open(path);
  try {
    let filled = 0;
    while (filled < bytes.length) {
      const count = file.read(bytes.subarray(filled), from + filled);
      if (count <= 0) break;
      filled += count;
    }
  } finally {
    file.close();
  }
  return bytes;
}
