import { join } from "node:path";
import { CounterfoilError } from "../schema/index.js";
import { journalCorruptError, journalIoError } from "./errors.js";
import { type SyncFileSystem, systemErrorCode } from "./file-system.js";
import { freshChunks, type ReadChunks } from "./read-chunks.js";
import { liveSegments, parseSegmentNames, type SegmentFile } from "./segment-files.js";
import { SEGMENT_HEADER_BYTES, type SegmentHeader } from "./segment-header.js";
import { SegmentScanner } from "./segment-scanner.js";

/** The segments in the folder that hold records, in order. Throws CF_JOURNAL_IO. */
export function listSegments(fs: SyncFileSystem, dir: string): SegmentFile[] {
  try {
    return liveSegments(parseSegmentNames(fs.readdir(dir)));
  } catch (error) {
    throw journalIoError("listing its segments", dir, error);
  }
}

/**
 * Opens a listed segment, or returns undefined when it was removed meanwhile, or is just being made. Throws CF_JOURNAL_IO,
 * and CF_JOURNAL_CORRUPT when the header is damaged or is not the one the name promises.
 */
export function openSegment(
  fs: SyncFileSystem,
  dir: string,
  file: SegmentFile,
  chunks: ReadChunks = freshChunks,
): SegmentScanner | undefined {
  const path = join(dir, file.name);
  let scanner: SegmentScanner;
  try {
    scanner = new SegmentScanner(fs, path, chunks);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || isBeingMade(fs, dir, file)) return undefined;
    if (error instanceof CounterfoilError) throw error;
    throw journalIoError("opening a segment", path, error);
  }
  if (isHeaderOf(scanner.header, file)) return scanner;
  scanner.close();
  throw journalCorruptError(`${path} was renamed: its header names another place in the journal.`);
}

/** The newest file is there before its header is. */
function isBeingMade(fs: SyncFileSystem, dir: string, { name }: SegmentFile): boolean {
  try {
    const file = fs.open(join(dir, name));
    const size = file.size();
    file.close();
    return size < SEGMENT_HEADER_BYTES && listSegments(fs, dir).at(-1)?.name === name;
  } catch {
    return false;
  }
}

function isHeaderOf(header: SegmentHeader, file: SegmentFile): boolean {
  return header.ordinal === file.ordinal && header.firstSeq === file.firstSeq;
}
