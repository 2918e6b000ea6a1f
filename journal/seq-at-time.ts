import { CounterfoilError } from "../schema/index.js";
import { journalIoError } from "./errors.js";
import type { SyncFileSystem } from "./file-system.js";
import { nodeFileSystem } from "./node-file-system.js";
import { listSegments, openSegment } from "./segment-listing.js";
import type { SegmentScanner } from "./segment-scanner.js";

/**
 * The first seq received at or after `unixNano` (nanoseconds since 1970), or undefined when there is none. Segment headers
 * hold the latest receive time before them, so one segment is read, and the answer is exact even when the clock was set
 * back. Throws CF_JOURNAL_IO, CF_JOURNAL_VERSION and CF_JOURNAL_CORRUPT.
 */
export function seqAtTime(
  dir: string,
  unixNano: bigint,
  fileSystem: { readonly sync: SyncFileSystem } = nodeFileSystem,
): number | undefined {
  const files = listSegments(fileSystem.sync, dir);
  // The segment to look into is the first whose successor has seen such a time.
  for (const [index, file] of files.entries()) {
    const following = files[index + 1];
    if (following !== undefined) {
      const next = openSegment(fileSystem.sync, dir, following);
      const reached = next?.header.receivedBeforeUnixNano ?? 0n;
      next?.close();
      if (reached < unixNano) continue;
    }
    const scanner = openSegment(fileSystem.sync, dir, file);
    if (scanner === undefined) continue;
    try {
      const seq = firstReceived(scanner, unixNano, following?.firstSeq ?? Number.MAX_SAFE_INTEGER);
      // A clock that ran ahead in a segment that is gone by now can make this one look as if it held the time.
      if (seq !== undefined) return seq;
    } catch (error) {
      throw error instanceof CounterfoilError ? error : journalIoError("reading", dir, error);
    } finally {
      scanner.close();
    }
  }
  return undefined;
}

function firstReceived(scanner: SegmentScanner, unixNano: bigint, beforeSeq: number): number | undefined {
  for (let record = scanner.peek(); record !== undefined; record = scanner.peek()) {
    if (record.header.seq >= beforeSeq) return undefined;
    if (record.header.receivedUnixNano >= unixNano) return record.header.seq;
    scanner.take(record);
  }
  return undefined;
}
