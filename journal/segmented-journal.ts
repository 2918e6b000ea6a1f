import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  CounterfoilError,
  errorMessage,
  GROUP_COMMIT_BYTES_MAX,
  JOURNAL_BYTES_MAX,
  JOURNAL_PAYLOAD_BYTES_MAX,
  SEGMENT_BYTES,
} from "../schema/index.js";
import { ActiveSegment } from "./active-segment.js";
import { type EncodedBatch, encodeBatch } from "./encode-batch.js";
import { journalCorruptError, journalIoError } from "./errors.js";
import type { FileSystem } from "./file-system.js";
import { checksumSeed, frameBytes } from "./frame.js";
import type { JournalEvent } from "./journal-event.js";
import { nodeFileSystem } from "./node-file-system.js";
import { type LogEnd, recoverJournal, type RecoveredJournal } from "./recovery.js";
import { segmentFileName } from "./segment-files.js";
import { JOURNAL_ID_BYTES, SEGMENT_HEADER_BYTES } from "./segment-header.js";
import { SegmentSet } from "./segment-set.js";
import type { Journal, JournalEntry, JournalStats, JournalTail } from "./types.js";

/** Options of {@link openJournal}. */
export interface JournalOptions {
  /** Folder of the segments; made when absent. One writer at a time: the caller holds the lock of the data folder. */
  readonly dir: string;
  /** Size at which a segment is followed by the next, bytes; lowered to a quarter of `bytesMax`. */
  readonly segmentBytes?: number;
  /** Cap of all segments together, bytes. */
  readonly bytesMax?: number;
  /**
   * At the cap: `backpressure` (default) refuses appends until cursors pass and segments are trimmed; `drop_oldest`
   * removes the oldest segments, delivered or not, and readers report a gap.
   */
  readonly whenFull?: "backpressure" | "drop_oldest";
  /**
   * The furthest position that any destination has durably noted. The journal never hands out a seq at or below it
   * again, even when its own files were lost; what is missing shows as a gap.
   */
  readonly atLeast?: JournalTail;
  readonly fileSystem?: FileSystem;
  readonly logger?: (event: JournalEvent) => void;
}

/**
 * A segment and a record may each take one of this many parts of the cap. The last segment can't be trimmed and may end
 * with one record above its size: with fewer parts it and the next record could exceed the cap for ever.
 */
const CAP_PARTS = 4;

interface Pending {
  readonly entry: JournalEntry;
  readonly bytes: number;
  readonly resolve: (seq: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens the journal in a folder and recovers what a crash left (see journal/README.md). Throws CF_JOURNAL_CORRUPT and
 * CF_JOURNAL_VERSION, both without changing a file, and CF_JOURNAL_IO.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const fs = options.fileSystem ?? nodeFileSystem;
  const emit = options.logger ?? (() => undefined);
  await fs.mkdir(options.dir).catch((error: unknown) => {
    throw journalIoError("making its folder", options.dir, error);
  });
  const recovered = await recoverJournal({ fs, dir: options.dir, emit });
  const journal = new SegmentedJournal({ ...options, fileSystem: fs, logger: emit }, recovered);
  await journal.start(recovered, options.atLeast);
  return journal;
}

class SegmentedJournal implements Journal {
  readonly #fs: FileSystem;
  readonly #dir: string;
  readonly #emit: (event: JournalEvent) => void;
  readonly #bytesMax: number;
  readonly #segmentBytes: number;
  readonly #recordBytesMax: number;
  readonly #dropOldest: boolean;
  readonly #journalId: Buffer;
  readonly #seed: number;
  readonly #segments: SegmentSet;
  readonly #cursors = new Map<string, number>();
  readonly #listeners = new Set<(tail: JournalTail) => void>();
  #queue: Pending[] = [];
  #pendingBytes = 0;
  #end: LogEnd;
  #nextOrdinal: number;
  #active: ActiveSegment | undefined;
  #failedSyncs = 0;
  #refusing = false;
  #writing: Promise<void> | undefined;
  #removing: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    options: JournalOptions & { fileSystem: FileSystem; logger: (event: JournalEvent) => void },
    recovered: RecoveredJournal,
  ) {
    this.#fs = options.fileSystem;
    this.#dir = options.dir;
    this.#emit = options.logger;
    this.#bytesMax = options.bytesMax ?? JOURNAL_BYTES_MAX;
    this.#recordBytesMax = Math.floor(this.#bytesMax / CAP_PARTS);
    this.#segmentBytes = Math.min(options.segmentBytes ?? SEGMENT_BYTES, this.#recordBytesMax);
    this.#dropOldest = options.whenFull === "drop_oldest";
    this.#journalId = recovered.journalId ?? randomBytes(JOURNAL_ID_BYTES);
    this.#seed = checksumSeed(this.#journalId);
    this.#segments = new SegmentSet(this.#fs, this.#emit, recovered.segments);
    this.#end = recovered.end;
    this.#nextOrdinal = recovered.nextOrdinal;
  }

  async start(recovered: RecoveredJournal, atLeast: JournalTail | undefined): Promise<void> {
    try {
      const last = recovered.segments.at(-1);
      if (atLeast !== undefined && atLeast.seq > this.#end.seq) {
        this.#end = { ...this.#end, seq: atLeast.seq, counts: { ...atLeast.counts } };
        this.#active = await this.#createSegment();
      } else if (last === undefined || !recovered.appendable) {
        this.#active = await this.#createSegment();
      } else {
        this.#active = await ActiveSegment.reopen(this.#fs, last.path, recovered.endPosition);
      }
    } catch (error) {
      throw journalIoError("opening a segment", this.#dir, error);
    }
  }

  append(entry: JournalEntry): Promise<number> {
    const bytes = frameBytes(entry.payload.length);
    const refusal = this.#refusal(entry, bytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, bytes, resolve, reject });
      this.#pendingBytes += bytes;
      this.#writing ??= this.#writeQueue();
    });
  }

  #refusal(entry: JournalEntry, bytes: number): Error | undefined {
    if (this.#closing !== undefined) {
      return new CounterfoilError("CF_JOURNAL_CLOSED", `The journal in ${this.#dir} is closed.`);
    }
    if (entry.payload.length > JOURNAL_PAYLOAD_BYTES_MAX) {
      const size = `${entry.payload.length} bytes; the journal stores at most ${JOURNAL_PAYLOAD_BYTES_MAX}`;
      return new CounterfoilError("CF_BODY_TOO_LARGE", `A payload has ${size}. Send smaller batches.`);
    }
    if (bytes > this.#recordBytesMax) {
      return new CounterfoilError(
        "CF_BODY_TOO_LARGE",
        `A record has ${bytes} bytes, more than a quarter of the journal's cap of ${this.#bytesMax} bytes. ` +
          "Raise the cap, or send smaller batches.",
      );
    }
    if (!Number.isInteger(entry.itemCount) || entry.itemCount < 1 || entry.itemCount >= 2 ** 32) {
      return new RangeError(`itemCount must be a whole number from 1 to 2^32-1, got ${entry.itemCount}`);
    }
    if (BigInt.asUintN(64, entry.receivedUnixNano) !== entry.receivedUnixNano) {
      return new RangeError(
        `receivedUnixNano must fit an unsigned 64-bit integer, got ${entry.receivedUnixNano}`,
      );
    }
    const kept = this.#dropOldest ? 0 : this.#segments.bytes;
    // A new segment may be needed for it.
    const wanted = this.#pendingBytes + bytes + SEGMENT_HEADER_BYTES;
    if (kept + wanted <= this.#bytesMax) return undefined;
    void this.trim();
    return new CounterfoilError("CF_JOURNAL_FULL", this.#whyFull(), { retryable: true });
  }

  #whyFull(): string {
    const { bytes } = this.#segments;
    const goesOn = "appends are accepted again by themselves";
    if (this.#dropOldest || bytes + this.#recordBytesMax <= this.#bytesMax) {
      const waiting = `has ${this.#pendingBytes} bytes waiting to be written, of a cap of ${this.#bytesMax}`;
      return `The journal in ${this.#dir} ${waiting}: ${goesOn}. If this lasts, the disk is too slow or the cap too low.`;
    }
    const state = `holds ${bytes} of ${this.#bytesMax} bytes`;
    return (
      `The journal in ${this.#dir} ${state} and its oldest records are not delivered yet (${this.#slowest()}). ` +
      `Repair or drop that destination, or raise the cap; ${goesOn}.`
    );
  }

  #slowest(): string {
    let slowest: [string, number] | undefined;
    for (const cursor of this.#cursors) {
      if (slowest === undefined || cursor[1] < slowest[1]) slowest = cursor;
    }
    return slowest === undefined ? "no destination is set" : `slowest: ${slowest[0]} at seq ${slowest[1]}`;
  }

  tail(): JournalTail {
    return { seq: this.#end.seq, counts: { ...this.#end.counts } };
  }

  onDurable(listener: (tail: JournalTail) => void): () => void {
    // Wrapped, so that adding one function twice gives two registrations that are removed one by one.
    const own = (tail: JournalTail) => listener(tail);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  setCursor(name: string, seq: number): void {
    if (seq > this.#end.seq) {
      throw journalCorruptError(
        `Destination "${name}" has its cursor at seq ${seq}, but the journal in ${this.#dir} ends at ` +
          `${this.#end.seq}: the newest segments were lost or the folder belongs to another data folder. Restore it, ` +
          "or open the journal with the cursor's position so that no seq is given out twice.",
      );
    }
    this.#cursors.set(name, seq);
  }

  dropCursor(name: string): void {
    this.#cursors.delete(name);
  }

  trim(): Promise<void> {
    return this.#remove(async () => {
      if (this.#cursors.size === 0) return;
      await this.#segments.trim(Math.min(...this.#cursors.values()));
    });
  }

  /** One removal at a time. */
  #remove(step: () => Promise<void>): Promise<void> {
    this.#removing = this.#removing.then(step);
    return this.#removing;
  }

  stats(): JournalStats {
    return {
      firstSeq: this.#segments.firstSeq,
      durableSeq: this.#end.seq,
      bytes: this.#segments.bytes,
      bytesMax: this.#bytesMax,
      segments: this.#segments.count,
      pendingBytes: this.#pendingBytes,
      failedSyncs: this.#failedSyncs,
      cursors: Object.fromEntries(this.#cursors),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    await this.#writing;
    await this.#removing;
    const active = this.#active;
    this.#active = undefined;
    // An error here costs nothing: all that was acknowledged is synced.
    await active?.close().catch(() => undefined);
  }

  /** Commits until the queue is empty; never rejects. */
  async #writeQueue(): Promise<void> {
    // Lets appends of the same turn join the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      await this.#commit(batch);
    }
    this.#writing = undefined;
  }

  /** At least one record; more as long as they fit in one group commit and in the segment. */
  #takeBatch(): Pending[] {
    const used = this.#active?.position ?? SEGMENT_HEADER_BYTES;
    const room = used >= this.#segmentBytes ? this.#segmentBytes : this.#segmentBytes - used;
    const limit = Math.min(GROUP_COMMIT_BYTES_MAX, room);
    let bytes = 0;
    let count = 0;
    for (const pending of this.#queue) {
      if (count > 0 && bytes + pending.bytes > limit) break;
      bytes += pending.bytes;
      count++;
    }
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return batch;
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const encoded = encodeBatch(
      batch.map((pending) => pending.entry),
      this.#end,
      this.#seed,
    );
    if (this.#dropOldest) {
      const room = this.#bytesMax - encoded.bytes - SEGMENT_HEADER_BYTES;
      await this.#remove(() => this.#segments.shrinkTo(room));
    }
    const failure = await this.#store(encoded);
    this.#pendingBytes -= encoded.bytes;
    if (failure !== undefined) {
      this.#refusing = true;
      this.#emit({ kind: "records_rejected", records: batch.length, message: failure.message });
      for (const pending of batch) pending.reject(failure);
      return;
    }
    const firstSeq = this.#end.seq + 1;
    this.#end = encoded.end;
    for (const [index, pending] of batch.entries()) pending.resolve(firstSeq + index);
    this.#notify();
  }

  #notify(): void {
    const tail = this.tail();
    for (const listener of this.#listeners) {
      try {
        listener(tail);
      } catch (error) {
        this.#emit({ kind: "listener_failed", message: errorMessage(error) });
      }
    }
  }

  /** Writes a batch durably, the second time in a new segment; returns the error when that failed too. */
  async #store(batch: EncodedBatch): Promise<CounterfoilError | undefined> {
    const attempts = this.#active === undefined ? 1 : 2;
    let failure: CounterfoilError | undefined;
    for (let attempt = 0; attempt < attempts; attempt++) {
      try {
        await this.#writeToActive(batch);
        return undefined;
      } catch (error) {
        failure = journalIoError("writing", this.#active?.path ?? this.#dir, error);
        this.#failedSyncs++;
        this.#emit({ kind: "write_failed", path: this.#active?.path ?? this.#dir, message: failure.message });
        await this.#abandonActive();
      }
    }
    return failure;
  }

  async #writeToActive(batch: EncodedBatch): Promise<void> {
    if (this.#active !== undefined && this.#active.position >= this.#segmentBytes) {
      const full = this.#active;
      this.#active = undefined;
      // Closing is only tidiness: everything in it is durable. Not awaited, so that it can't delay a commit.
      void full.close().catch(() => undefined);
    }
    this.#active ??= await this.#createSegment();
    await this.#active.write(batch.buffers, batch.bytes);
    this.#segments.resizeLast(this.#active.position);
    if (this.#refusing) {
      this.#refusing = false;
      this.#emit({ kind: "resumed", path: this.#active.path });
    }
  }

  async #createSegment(): Promise<ActiveSegment> {
    const ordinal = this.#nextOrdinal++;
    const firstSeq = this.#end.seq + 1;
    const name = segmentFileName(ordinal, firstSeq);
    const path = join(this.#dir, name);
    const active = await ActiveSegment.create(this.#fs, this.#dir, path, {
      journalId: this.#journalId,
      ordinal,
      firstSeq,
      previousFirstSeq: this.#segments.firstSeqBefore(firstSeq),
      receivedBeforeUnixNano: this.#end.receivedUnixNano,
      countsBefore: this.#end.counts,
      previousCrc: this.#end.previousCrc,
    });
    this.#segments.add({ name, ordinal, firstSeq, path, bytes: SEGMENT_HEADER_BYTES });
    this.#emit({ kind: "segment_created", path, firstSeq });
    return active;
  }

  async #abandonActive(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    if (active === undefined) return;
    await active.abandon();
    if (active.position === SEGMENT_HEADER_BYTES) {
      await this.#remove(() => this.#segments.removeUnused(active.path));
    }
  }
}
