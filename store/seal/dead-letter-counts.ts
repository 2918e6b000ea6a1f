import {
  addCounts as plus,
  CursorFile,
  type FileSystem,
  type ItemCounts,
  storedCounts,
  zeroCounts,
} from "../../journal/index.js";
import type { JournalSignal } from "../../schema/index.js";
import type { DeadLetterCounts } from "./messages.js";

interface SavedCounts {
  /** Everything before `latest`. */
  readonly settled: DeadLetterCounts;
  /** The last piece that had dead letters: it counts only once the catalog's sealedSeq has reached its end. */
  readonly latest: { readonly seq: number; readonly counts: DeadLetterCounts };
}

/** Sum of two tallies. */
export function addCounts(a: DeadLetterCounts, b: DeadLetterCounts): DeadLetterCounts {
  const sum: Record<string, ItemCounts> = { ...a };
  for (const [reason, counts] of Object.entries(b)) {
    // Counts of an earlier version lack what it did not know.
    sum[reason] = plus(storedCounts(sum[reason]), storedCounts(counts));
  }
  return sum;
}

/** Items of a tally whatever the reason. */
export function totalCounts(tally: DeadLetterCounts): ItemCounts {
  return Object.values(tally).map(storedCounts).reduce(plus, zeroCounts());
}

/**
 * The mirror's dead-letter counters, kept across restarts in one small file that is written only when there is a new
 * dead letter. It is written before the catalog commit of the piece that had it, and says which piece that was, so that
 * a crash between the two does not count the piece twice.
 */
export class DeadLetterCounters {
  readonly #file: CursorFile<SavedCounts>;
  #total: DeadLetterCounts = {};
  /** The file names a piece that was not committed: it must not count when its seq is reached another way. */
  #stale = false;

  constructor(path: string, fileSystem: FileSystem) {
    this.#file = new CursorFile(path, fileSystem);
  }

  /** Loads what holds for a catalog sealed up to `sealedSeq`. */
  async load(sealedSeq: number): Promise<void> {
    const saved = await this.#file.load();
    if (saved === undefined) return;
    const { settled, latest } = saved;
    this.#stale = latest.seq > sealedSeq;
    this.#total = this.#stale ? settled : addCounts(settled, latest.counts);
  }

  /** Makes a piece's dead letters durable before the piece is committed. They count after {@link settle}. */
  async save(lastSeq: number, counts: DeadLetterCounts): Promise<void> {
    if (Object.keys(counts).length === 0 && !this.#stale) return;
    await this.#file.save({ settled: this.#total, latest: { seq: lastSeq, counts } });
    this.#stale = false;
  }

  /** The piece was committed. */
  settle(counts: DeadLetterCounts): void {
    this.#total = addCounts(this.#total, counts);
  }

  get total(): DeadLetterCounts {
    return this.#total;
  }
}

/** Counts what was given up. */
export class DeadLetterTally {
  readonly #byReason: Record<string, ItemCounts> = {};

  get counts(): DeadLetterCounts {
    return this.#byReason;
  }

  add(reason: string, signal: JournalSignal, items: number): void {
    this.addCounts(reason, { ...zeroCounts(), [signal]: items });
  }

  addCounts(reason: string, counts: ItemCounts): void {
    this.#byReason[reason] = plus(this.#byReason[reason] ?? zeroCounts(), counts);
  }
}
