import {
  addCounts,
  type ItemCounts,
  type JournalGap,
  type JournalReader,
  type JournalRecord,
  zeroCounts,
} from "../../journal/index.js";
import {
  countItems,
  decodeOtlp,
  decodeRecords,
  errorMessage,
  isTelemetry,
  type JournalSignal,
  type Signal,
  type SignalData,
  type StoredChange,
} from "../../schema/index.js";
import type { Processor } from "../processors/index.js";
import { cleanText } from "./classify.js";
import type { Clock } from "./clock.js";
import { copyCounts } from "./counts.js";
import type { Gatherer, PartBody } from "./exporter.js";
import type { Ledger, LedgerEntry } from "./ledger.js";
import { inflatePayload } from "./payload.js";
import { recordLines, recordsBody } from "./record-lines.js";

/** What the intake works with. */
export interface IntakeOptions {
  readonly reader: JournalReader;
  readonly ledger: Ledger;
  readonly gatherer: Gatherer;
  readonly processors: readonly Processor[];
  readonly signals: ReadonlySet<JournalSignal>;
  /** The rule by which a change of a record is not for this destination; undefined when it is. */
  readonly recordRule?: ((change: StoredChange) => string | undefined) | undefined;
  readonly wants: "bytes" | "data";
  readonly clock: Clock;
  readonly readSeq: number;
  readonly readCounts: ItemCounts;
  /** True for a destination without history: what the journal trimmed before it existed was never its own. */
  readonly fresh: boolean;
}

/** The account of a record that the destination takes. */
interface Open {
  readonly entry: LedgerEntry;
  readonly signal: JournalSignal;
}

/** Reads journal records, decodes and processes what must be, and opens their accounts. */
export class Intake {
  readonly #options: IntakeOptions;
  #readSeq: number;
  #readCounts: ItemCounts;
  #notMine: ItemCounts = zeroCounts();
  #fresh: boolean;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#readSeq = options.readSeq;
    this.#readCounts = copyCounts(options.readCounts);
    this.#fresh = options.fresh;
  }

  /** Last seq read or skipped. */
  get readSeq(): number {
    return this.#readSeq;
  }

  /** The journal's cumulative counts up to {@link readSeq}. */
  get readCounts(): ItemCounts {
    return this.#readCounts;
  }

  /** Items trimmed before a fresh destination's first record. */
  get notMine(): ItemCounts {
    return this.#notMine;
  }

  /** Reads once, at most `maxBytes` and nothing beyond `upToSeq`. False when nothing was there. */
  pull(maxBytes: number, upToSeq: number): boolean {
    if (this.#readSeq >= upToSeq) return false;
    const { reader, ledger } = this.#options;
    const batch = reader.read({ maxBytes, upToSeq });
    if (batch.lastSeq <= this.#readSeq) return false;
    const gaps = [...batch.gaps];
    for (const record of batch.records) {
      while (gaps[0] !== undefined && gaps[0].fromSeq < record.seq) this.#gap(gaps.shift());
      this.#record(record);
    }
    for (const gap of gaps) this.#gap(gap);
    if (batch.lastSeq > Math.max(ledger.lastSeq, this.#readSeq)) {
      ledger.settleGap(batch.lastSeq, zeroCounts(), "journal_corrupt");
    }
    this.#readSeq = batch.lastSeq;
    this.#readCounts = copyCounts(batch.counts);
    return true;
  }

  #gap(gap: JournalGap | undefined): void {
    if (gap === undefined) return;
    const { ledger } = this.#options;
    if (this.#fresh && gap.reason === "trimmed") {
      this.#notMine = addCounts(this.#notMine, gap.counts);
      ledger.settleGap(gap.toSeq, zeroCounts(), "journal_trimmed");
      return;
    }
    this.#fresh = false;
    ledger.settleGap(gap.toSeq, gap.counts, `journal_${gap.reason}`);
  }

  #record(record: JournalRecord): void {
    this.#fresh = false;
    const { ledger, signals, processors, wants } = this.#options;
    const { signal } = record;
    const entry = ledger.open(record.seq, signal, record.itemCount);
    if (!signals.has(signal)) {
      ledger.settle(entry, { kind: "filtered", rule: "signal" }, record.itemCount);
      return;
    }
    if (!isTelemetry(signal)) return this.#records(record, { entry, signal });
    if (wants === "bytes" && processors.length === 0) {
      const body: PartBody = { kind: "bytes", encoding: record.encoding, payload: record.payload };
      this.#add({ entry, signal }, record.itemCount, record.payload.byteLength, body);
      return;
    }
    this.#decoded(record, { entry, signal }, signal);
  }

  /** Changes of records go on as the lines that they are, without those that a rule keeps here. */
  #records(record: JournalRecord, open: Open): void {
    const { ledger, recordRule } = this.#options;
    const stored: PartBody = { kind: "bytes", encoding: record.encoding, payload: record.payload };
    const kept: string[] = [];
    try {
      const lines = recordLines(stored);
      const changes = decodeRecords(inflatePayload(record.encoding, record.payload));
      const miscounted = record.itemCount - changes.length;
      if (miscounted !== 0) {
        ledger.settle(open.entry, { kind: "deadLetter", reason: "count_mismatch" }, miscounted);
      }
      for (const [index, change] of changes.entries()) {
        const rule = recordRule?.(change);
        if (rule === undefined) kept.push(lines[index] ?? "");
        else ledger.settle(open.entry, { kind: "filtered", rule }, 1);
      }
    } catch (error) {
      this.#setAside(open, record.itemCount, { reason: "undecodable", error, body: stored });
      return;
    }
    if (kept.length > 0) this.#add(open, kept.length, record.payload.byteLength, recordsBody(kept));
  }

  #decoded(record: JournalRecord, open: Open, signal: Signal): void {
    const { entry } = open;
    const stored: PartBody = { kind: "bytes", encoding: record.encoding, payload: record.payload };
    let data: SignalData[Signal];
    let bytes: number;
    try {
      const inflated = inflatePayload(record.encoding, record.payload);
      bytes = inflated.byteLength;
      data = decodeOtlp(signal, inflated);
    } catch (error) {
      this.#setAside(open, record.itemCount, { reason: "undecodable", error, body: stored });
      return;
    }
    const miscounted = record.itemCount - countItems(signal, data);
    if (miscounted !== 0) {
      this.#options.ledger.settle(entry, { kind: "deadLetter", reason: "count_mismatch" }, miscounted);
    }
    try {
      data = this.#process(open, signal, data);
    } catch (error) {
      this.#setAside(open, entry.remaining, { reason: "processor_failed", error, body: stored });
      return;
    }
    if (entry.remaining === 0) return;
    this.#add(open, entry.remaining, bytes, { kind: "data", data });
  }

  /** Runs every processor; settles what they removed. A throw leaves the rest of the record to be set aside (I7). */
  #process<S extends Signal>(open: Open, signal: S, data: SignalData[S]): SignalData[S] {
    const { entry } = open;
    let current = data;
    for (const processor of this.#options.processors) {
      const result = processor.process(signal, current);
      for (const [rule, count] of Object.entries(result.filtered)) {
        if (count > 0) this.#options.ledger.settle(entry, { kind: "filtered", rule }, count);
      }
      for (const failure of result.failed) {
        const body: PartBody = { kind: "data", data: failure.data };
        const count = countItems(signal, failure.data);
        this.#setAside(open, count, { reason: failure.reason, error: failure.message, body });
      }
      current = result.data;
    }
    const lost = entry.remaining - countItems(signal, current);
    if (lost !== 0) {
      throw new Error(`the processors left ${lost} items unaccounted for`);
    }
    return current;
  }

  #add({ entry, signal }: Open, itemCount: number, bytes: number, body: PartBody): void {
    const { gatherer, clock } = this.#options;
    gatherer.add(signal, { entry, itemCount, bytes, body }, clock.now());
  }

  #setAside(
    { entry, signal }: Open,
    count: number,
    what: { reason: string; error: unknown; body: PartBody },
  ): void {
    const { ledger, clock } = this.#options;
    ledger.settle(entry, { kind: "deadLetter", reason: what.reason }, count, {
      seq: entry.seq,
      signal,
      items: count,
      reason: what.reason,
      message: cleanText(errorMessage(what.error)),
      timeMs: clock.now(),
      processed: false,
      body: what.body,
    });
  }
}
