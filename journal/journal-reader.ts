import { CounterfoilError } from "../schema/index.js";
import { journalCorruptError, journalIoError } from "./errors.js";
import type { SyncFileSystem } from "./file-system.js";
import type { FrameHeader } from "./frame.js";
import { countsBetween, withItems, zeroCounts } from "./item-counts.js";
import { nodeFileSystem } from "./node-file-system.js";
import { freshChunks, type ReadChunks } from "./read-chunks.js";
import type { SegmentFile } from "./segment-files.js";
import { listSegments, openSegment } from "./segment-listing.js";
import type { ScannedRecord, SegmentScanner } from "./segment-scanner.js";
import type {
  ItemCounts,
  JournalBatch,
  JournalGap,
  JournalPlace,
  JournalReader,
  JournalRecord,
} from "./types.js";

/** Options of {@link openJournalReader}. */
export interface JournalReaderOptions {
  /** Folder of the segments. */
  readonly dir: string;
  /** Reading starts with the record after this one; 0 for the beginning. */
  readonly afterSeq: number;
  /**
   * Cumulative items up to `afterSeq`, from the cursor. Needed to count a first gap (records removed before this reader
   * saw them); without it such a gap counts zero items. Elsewhere the journal's own counts are used.
   */
  readonly counts?: ItemCounts;
  readonly fileSystem?: { readonly sync: SyncFileSystem };
  /** Where payloads are read into; by default each read gets memory of its own. */
  readonly chunks?: ReadChunks;
  /** Where the record after `afterSeq` starts, if another reader said so. */
  readonly place?: JournalPlace;
}

/** Smallest and largest read from disk, bytes: a waiting reader takes little, a lagging one takes a lot at once. */
const READ_BYTES_MIN = 64 * 1024;
const READ_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Opens a reader; nothing is read until its first `read`. `read` throws CF_JOURNAL_IO (retryable; the reader stays where
 * it was), CF_JOURNAL_VERSION, and CF_JOURNAL_CORRUPT when a file can't be placed in the journal. Damaged records don't
 * throw: they are a gap with reason "corrupt", counted exactly from the cumulative counts in the next good record or
 * segment header. Damage with nothing good behind it yet is reported when the next record has been written.
 */
export function openJournalReader(options: JournalReaderOptions): JournalReader {
  return new SegmentedJournalReader(options);
}

/** The limits of one `read` and what it has collected so far. */
interface CurrentRead {
  readonly limits: { readonly maxBytes: number; readonly upToSeq: number };
  readonly chunkBytes: number;
  readonly records: JournalRecord[];
  readonly gaps: JournalGap[];
  bytes: number;
}

class SegmentedJournalReader implements JournalReader {
  readonly #fs: SyncFileSystem;
  readonly #dir: string;
  readonly #chunks: ReadChunks;
  #lastSeq: number;
  /** Cumulative items up to #lastSeq; undefined until known. */
  #counts: ItemCounts | undefined;
  #listing: SegmentFile[] = [];
  #scanner: SegmentScanner | undefined;
  #journalId: Buffer | undefined;
  /** Where to begin in the first segment that is opened. */
  #hint: JournalPlace | undefined;
  /** The gap that the limit of a read cut in two, until its second part was reported. */
  #cutGap: { readonly toSeq: number; readonly reason: JournalGap["reason"] } | undefined;
  /** First seq of the last segment that was read to its end, 0 before that. */
  #exhaustedFirstSeq = 0;

  constructor(options: JournalReaderOptions) {
    this.#fs = (options.fileSystem ?? nodeFileSystem).sync;
    this.#dir = options.dir;
    this.#chunks = options.chunks ?? freshChunks;
    this.#lastSeq = options.afterSeq;
    this.#hint = options.place;
    this.#counts = options.counts ?? (options.afterSeq === 0 ? zeroCounts() : undefined);
  }

  read(limits: { maxBytes: number; upToSeq: number }): JournalBatch {
    const chunkBytes = Math.min(READ_BYTES_MAX, Math.max(READ_BYTES_MIN, limits.maxBytes));
    const read: CurrentRead = { limits, chunkBytes, records: [], gaps: [], bytes: 0 };
    if (limits.upToSeq > this.#lastSeq) {
      try {
        this.#collect(read);
      } catch (error) {
        // What was read before the error is handed out; the error comes back on the next read if it lasts.
        if (read.records.length === 0 && read.gaps.length === 0) throw this.#asReaderError(error);
      }
    }
    const { records, gaps } = read;
    return { records, gaps, counts: { ...(this.#counts ?? zeroCounts()) }, lastSeq: this.#lastSeq };
  }

  place(): JournalPlace | undefined {
    if (this.#scanner === undefined) return undefined;
    return { segmentFirstSeq: this.#scanner.header.firstSeq, position: this.#scanner.position };
  }

  close(): void {
    this.#scanner?.close();
    this.#scanner = undefined;
  }

  #asReaderError(error: unknown): Error {
    return error instanceof CounterfoilError ? error : journalIoError("reading", this.#dir, error);
  }

  #collect(read: CurrentRead): void {
    // A segment ends where the next one starts, whatever else is in it: records behind that point were never
    // acknowledged. Every record up to `upToSeq` is durable, so a listing made now shows all such ends below it.
    this.#listing = listSegments(this.#fs, this.#dir);
    this.#scanner?.refresh(read.chunkBytes);
    while (this.#lastSeq < read.limits.upToSeq) {
      this.#scanner ??= this.#openNext(read);
      if (this.#scanner === undefined) return;
      if (!this.#readSegment(this.#scanner, read)) return;
      this.#exhaustedFirstSeq = this.#scanner.header.firstSeq;
      this.close();
    }
  }

  /** Reads from one segment; true when nothing more can come from it and the next one is to be opened. */
  #readSegment(scanner: SegmentScanner, read: CurrentRead): boolean {
    const next = this.#listing.find((file) => file.firstSeq > scanner.header.firstSeq);
    const lastSeqHere = next === undefined ? Number.MAX_SAFE_INTEGER : next.firstSeq - 1;
    while (this.#lastSeq < read.limits.upToSeq) {
      if (this.#lastSeq >= lastSeqHere) return true;
      const record = scanner.peek();
      if (record === undefined || record.header.seq > lastSeqHere) return next !== undefined;
      const { header } = record;
      if (header.seq <= this.#lastSeq) {
        // Finding the place of a reader that starts in the middle.
        scanner.take(record);
        if (header.seq === this.#lastSeq) this.#counts = countsAfter(header);
      } else if (header.seq > this.#lastSeq + 1) {
        const toSeq = header.seq - 1;
        const reason = this.#cutGap?.toSeq === toSeq ? this.#cutGap.reason : "corrupt";
        this.#skip({ toSeq, countsAt: header.countsBefore, reason }, read);
      } else if (read.records.length > 0 && read.bytes + record.payload.length > read.limits.maxBytes) {
        return false;
      } else {
        this.#take(scanner, record, read);
      }
    }
    return false;
  }

  #take(scanner: SegmentScanner, record: ScannedRecord, read: CurrentRead): void {
    const { seq, signal, encoding, itemCount, receivedUnixNano } = record.header;
    read.records.push({ seq, signal, encoding, itemCount, receivedUnixNano, payload: record.payload });
    read.bytes += record.payload.length;
    this.#lastSeq = seq;
    this.#counts = countsAfter(record.header);
    scanner.take(record);
  }

  /** Goes past records that can't be had, up to `toSeq` or the limit of this read. */
  #skip(gap: { toSeq: number; countsAt: ItemCounts; reason: JournalGap["reason"] }, read: CurrentRead): void {
    const fromSeq = this.#lastSeq + 1;
    const toSeq = Math.min(gap.toSeq, read.limits.upToSeq);
    // A gap that the limit cuts in two carries all its items in the second part: how they spread is not known.
    const whole = toSeq === gap.toSeq;
    const counts =
      whole && this.#counts !== undefined ? countsBetween(this.#counts, gap.countsAt) : zeroCounts();
    read.gaps.push({ fromSeq, toSeq, counts, reason: gap.reason });
    this.#lastSeq = toSeq;
    if (whole) this.#counts = gap.countsAt;
    this.#cutGap = whole ? undefined : gap;
  }

  /**
   * Opens the segment with the next record. When that record is in no segment, opens the one that follows and reports
   * what is missing before it. Undefined when there is nothing to open.
   */
  #openNext(read: CurrentRead): SegmentScanner | undefined {
    const wanted = this.#lastSeq + 1;
    const holding = this.#listing.findLast((file) => file.firstSeq <= wanted);
    const isExhausted = holding !== undefined && holding.firstSeq === this.#exhaustedFirstSeq;
    const following = this.#listing.find((file) => file.firstSeq > wanted);
    const file = isExhausted ? following : (holding ?? following);
    if (file === undefined) return undefined;
    const scanner = openSegment(this.#fs, this.#dir, file, this.#chunks);
    // Removed since the listing: the next read lists again.
    if (scanner === undefined) return undefined;
    this.#journalId ??= scanner.header.journalId;
    if (!scanner.header.journalId.equals(this.#journalId)) {
      scanner.close();
      throw journalCorruptError(`${file.name} in ${this.#dir} belongs to another journal. Move it away.`);
    }
    scanner.refresh(read.chunkBytes);
    const hint = this.#hint;
    this.#hint = undefined;
    // Without the counts at its start the place would have to be found record by record all the same.
    if (hint?.segmentFirstSeq === scanner.header.firstSeq && this.#counts !== undefined) {
      scanner.seek(hint.position, wanted);
    }
    const { firstSeq, countsBefore } = scanner.header;
    if (firstSeq === wanted) this.#counts = countsBefore;
    if (firstSeq > wanted) {
      const reason = holding === undefined ? "trimmed" : "corrupt";
      this.#skip({ toSeq: firstSeq - 1, countsAt: countsBefore, reason }, read);
    }
    return scanner;
  }
}

function countsAfter(header: FrameHeader): ItemCounts {
  return withItems(header.countsBefore, header.signal, header.itemCount);
}
