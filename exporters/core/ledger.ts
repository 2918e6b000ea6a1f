import { type ItemCounts, zeroCounts } from "../../journal/index.js";
import { JOURNAL_SIGNALS, type JournalSignal } from "../../schema/index.js";
import { addSettlement, copyTotals, type SettledTotals, type Settlement } from "./counts.js";
import type { DeadLetter } from "./dead-letter-file.js";

/** One journal record (or gap) that a destination has read and not yet passed with its cursor. */
export interface LedgerEntry {
  readonly seq: number;
  readonly signal: JournalSignal;
  /** Items not settled yet. */
  remaining: number;
}

interface OpenEntry extends LedgerEntry {
  readonly settled: { settlement: Settlement; signal: JournalSignal; count: number }[];
  readonly deadLetters: DeadLetter[];
}

/** What moved over the low-water mark: dead letters to make durable before the cursor is. */
export interface Advance {
  readonly moved: boolean;
  readonly deadLetters: readonly DeadLetter[];
}

/**
 * Keeps the account of one destination (I2). Items are settled in any order; the cursor is the low-water mark of
 * records whose every item is settled, and the durable totals are those of exactly the records below it. So a restart
 * at the stored cursor starts from counters that fit it, whatever was settled beyond.
 */
export class Ledger {
  readonly #entries: OpenEntry[] = [];
  readonly #passed: SettledTotals;
  readonly #live: SettledTotals;
  readonly #waiting: ItemCounts = zeroCounts();
  #cursorSeq: number;

  constructor(cursorSeq: number, totals: SettledTotals) {
    this.#cursorSeq = cursorSeq;
    this.#passed = copyTotals(totals);
    this.#live = copyTotals(totals);
  }

  /** Last seq of the unbroken run of settled records. */
  get cursorSeq(): number {
    return this.#cursorSeq;
  }

  /** Last seq opened or settled. */
  get lastSeq(): number {
    return this.#entries.at(-1)?.seq ?? this.#cursorSeq;
  }

  /** Totals of the records up to the cursor: what is stored with it. */
  get passed(): SettledTotals {
    return this.#passed;
  }

  /** Totals of everything settled, also beyond the cursor. */
  get live(): SettledTotals {
    return this.#live;
  }

  /** Items read and not settled. */
  get waiting(): ItemCounts {
    return this.#waiting;
  }

  /** Records read and not passed. */
  get size(): number {
    return this.#entries.length;
  }

  /** Opens the account of a record. Seqs must come in ascending order. */
  open(seq: number, signal: JournalSignal, itemCount: number): LedgerEntry {
    const entry: OpenEntry = { seq, signal, remaining: itemCount, settled: [], deadLetters: [] };
    this.#entries.push(entry);
    this.#waiting[signal] += itemCount;
    return entry;
  }

  /** Settles records that the journal no longer has; `seq` is the last of them. */
  settleGap(seq: number, counts: ItemCounts, reason: string): void {
    const entry: OpenEntry = { seq, signal: "traces", remaining: 0, settled: [], deadLetters: [] };
    this.#entries.push(entry);
    for (const signal of JOURNAL_SIGNALS) {
      if (counts[signal] > 0) this.#record(entry, signal, { kind: "deadLetter", reason }, counts[signal]);
    }
  }

  /** Settles `count` items of a record, with the dead letter that keeps them when they were set aside. */
  settle(entry: LedgerEntry, settlement: Settlement, count: number, deadLetter?: DeadLetter): void {
    const open = entry as OpenEntry;
    open.remaining -= count;
    this.#waiting[open.signal] -= count;
    this.#record(open, open.signal, settlement, count);
    if (deadLetter !== undefined) open.deadLetters.push(deadLetter);
  }

  /** Moves the cursor over every settled record at the front. */
  advance(): Advance {
    let passed = 0;
    const deadLetters: DeadLetter[] = [];
    for (const entry of this.#entries) {
      if (entry.remaining !== 0) break;
      passed += 1;
      this.#cursorSeq = entry.seq;
      for (const { settlement, signal, count } of entry.settled) {
        addSettlement(this.#passed, signal, settlement, count);
      }
      deadLetters.push(...entry.deadLetters);
    }
    if (passed > 0) this.#entries.splice(0, passed);
    return { moved: passed > 0, deadLetters };
  }

  #record(entry: OpenEntry, signal: JournalSignal, settlement: Settlement, count: number): void {
    addSettlement(this.#live, signal, settlement, count);
    entry.settled.push({ settlement, signal, count });
  }
}
