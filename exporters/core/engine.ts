import {
  addCounts,
  type ItemCounts,
  type JournalReader,
  type JournalTail,
  storedCounts,
  subtractCounts,
  zeroCounts,
} from "../../journal/index.js";
import {
  CounterfoilError,
  CURSOR_SAVE_INTERVAL_MS,
  EXPORT_PENDING_BYTES_MAX,
  EXPORT_PENDING_RECORDS_MAX,
  EXPORT_READ_BYTES,
  BLOCKED_RECHECK_MS,
  errorMessage,
  type JournalSignal,
} from "../../schema/index.js";
import type { Processor } from "../processors/index.js";
import type { DestinationStats } from "../types.js";
import { copyCounts, copyTotals, sumTotals, zeroTotals } from "./counts.js";
import type { Clock } from "./clock.js";
import type { CursorState, CursorStore } from "./cursor.js";
import type { DeadLetter } from "./dead-letter-file.js";
import type { DeadLetterStore } from "./dead-letters.js";
import { Delivery } from "./delivery.js";
import type { Exporter, Gatherer, Hurry } from "./exporter.js";
import { Intake, type IntakeOptions } from "./intake.js";
import { Ledger } from "./ledger.js";
import type { RetryOptions } from "./retry.js";
import { Settler } from "./settler.js";

/** What {@link DeliveryEngine} is made of. */
export interface EngineOptions {
  readonly name: string;
  readonly exporter: Exporter;
  readonly gatherer: Gatherer;
  readonly processors: readonly Processor[];
  readonly signals: ReadonlySet<JournalSignal>;
  /** See {@link IntakeOptions.recordRule}. */
  readonly recordRule?: IntakeOptions["recordRule"] | undefined;
  /** Opens the journal after a position whose cumulative counts are given. */
  readonly openReader: (afterSeq: number, counts: ItemCounts) => JournalReader;
  readonly cursor: CursorStore;
  readonly deadLetters: DeadLetterStore;
  readonly retry: RetryOptions;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly pendingBytesMax?: number;
  readonly recheckMs?: number;
  /** Where to begin without a stored cursor. */
  readonly startAt?: "beginning" | "end";
  readonly log: (level: "info" | "warn" | "error", message: string) => void;
  /**
   * The exporter could not make durable what it had called delivered. The engine has stopped; another one must start at
   * the stored cursor and deliver it again.
   */
  readonly onLost?: (message: string) => void;
  /** The durable cursor moved. */
  readonly onCursor?: (seq: number) => void;
  /** Something in {@link DeliveryEngine.stats} may have changed. */
  readonly onChange?: () => void;
}

/** No cursor file yet: the first save is due whatever the position, so that a restart does not choose it again. */
const NOT_STORED = -1;

interface FlushWaiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Runs one destination: reads, gathers, sends, settles, stores the cursor. All of it in one thread. */
export class DeliveryEngine {
  readonly #options: EngineOptions;
  readonly #ledger: Ledger;
  readonly #intake: Intake;
  readonly #delivery: Delivery;
  readonly #reader: JournalReader;
  readonly #historic: ItemCounts;
  #tail: JournalTail;
  #cancelTimer: (() => void) | undefined;
  #wanted = false;
  #stopped = false;
  #lost = false;
  #savedSeq: number;
  #savedAt = 0;
  #saving: Promise<void> | undefined;
  #saveFailed = false;
  #letters: DeadLetter[] = [];
  #waiters: FlushWaiter[] = [];
  #drained: (() => void) | undefined;

  /** Takes up from the stored cursor. `tail` is the durable end of the journal now. */
  constructor(options: EngineOptions, tail: JournalTail) {
    this.#options = options;
    this.#tail = tail;
    const { start, stored, fresh } = startingPoint(options, tail);
    options.deadLetters.open(start.seq);
    this.#savedSeq = stored ? start.seq : NOT_STORED;
    this.#ledger = new Ledger(start.seq, start.totals);
    // What the totals count that this journal's counts do not, and the other way round: 0 for a full history.
    this.#historic = subtractCounts(sumTotals(start.totals), start.counts);
    this.#reader = options.openReader(start.seq, start.counts);
    this.#intake = new Intake({
      ...options,
      reader: this.#reader,
      ledger: this.#ledger,
      wants: options.exporter.wants,
      readSeq: start.seq,
      readCounts: start.counts,
      fresh,
    });
    this.#delivery = new Delivery({
      ...options,
      settler: new Settler(this.#ledger, options.clock),
      recheckMs: options.recheckMs ?? BLOCKED_RECHECK_MS,
      onProgress: () => this.#pump(),
    });
    if (stored) options.onCursor?.(start.seq);
    this.#pump();
  }

  /** The journal grew. */
  notify(tail: JournalTail): void {
    if (tail.seq < this.#tail.seq) return;
    this.#tail = tail;
    this.#pump();
  }

  /** Ends a back-off or pause now. */
  retryNow(): void {
    this.#delivery.retryNow();
    this.#pump();
  }

  /** Resolves when everything up to the tail known now is settled and the cursor stored. */
  flush(deadlineMs: number): Promise<void> {
    const { seq } = this.#tail;
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.schedule(() => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(
          new CounterfoilError(
            "CF_EXPORT_RETRYABLE",
            `Destination ${this.#options.name} did not deliver everything up to ${seq} within ${deadlineMs} ms; ` +
              `it stands at ${this.#ledger.cursorSeq} and goes on from there.`,
            { retryable: true },
          ),
        );
      }, deadlineMs);
      const waiter: FlushWaiter = {
        seq,
        resolve: () => {
          cancel();
          resolve();
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      };
      this.#waiters.push(waiter);
      this.#pump();
    });
  }

  /**
   * Before a stop: resolves when everything that is ready was sent, when the peer is down, or at the deadline. Traces whose root has not come stay
   * in the journal, to be delivered whole after the next start.
   */
  drain(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(resolve, deadlineMs);
      this.#drained = () => {
        cancel();
        resolve();
      };
      this.#pump();
    });
  }

  /** Everything up to this seq is settled and stored. */
  get durableSeq(): number {
    return this.#savedSeq;
  }

  stats(): DestinationStats {
    const health = this.#delivery.health();
    const live = copyTotals(this.#ledger.live);
    const notRead = subtractCounts(this.#tail.counts, this.#intake.readCounts);
    const historic = subtractCounts(this.#historic, this.#intake.notMine);
    return {
      name: this.#options.name,
      state: this.#stopped ? "stopped" : health.state,
      cursorSeq: this.#ledger.cursorSeq,
      accepted: addCounts(this.#tail.counts, historic),
      waiting: addCounts(notRead, this.#ledger.waiting),
      ...live,
      requests: { sent: health.sent, failed: health.failed },
      ...(health.lastError === undefined ? {} : { lastError: health.lastError }),
      ...(health.nextAttemptAt === undefined ? {} : { nextAttemptAt: health.nextAttemptAt }),
    };
  }

  /** Stops sending, stores the cursor, closes reader, dead letters and exporter. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#delivery.stop();
    await this.#saving;
    this.#collect();
    await this.#save();
    this.#reader.close();
    await this.#options.deadLetters.close();
    await this.#options.exporter.close();
  }

  #pump(): void {
    if (this.#stopped || this.#lost) return;
    try {
      this.#readMore();
      const { clock, gatherer } = this.#options;
      const now = clock.now();
      for (const batch of gatherer.take(now, this.#hurry())) this.#delivery.enqueue(batch);
      this.#delivery.send(now);
      this.#collect();
      this.#maybeSave(now);
      const allSent = this.#intake.readSeq >= this.#tail.seq && this.#delivery.idle;
      if (allSent || this.#delivery.held) this.#drained?.();
    } catch (error) {
      // Reading the journal failed (disk): say so and try again later.
      this.#options.log("error", `reading the journal failed: ${errorMessage(error)}`);
      this.#wakeAt(this.#options.clock.now() + CURSOR_SAVE_INTERVAL_MS * 5);
      return;
    }
    this.#plan();
    this.#options.onChange?.();
  }

  /** Only when all that a flush waits for was read: half a trace or batch is no reason to hurry. */
  #hurry(): Hurry | undefined {
    if (this.#waiters.some((waiter) => waiter.seq <= this.#intake.readSeq)) return "all";
    return this.#drained !== undefined && this.#intake.readSeq >= this.#tail.seq ? "whole" : undefined;
  }

  /** One read a turn, so that answers and messages are served in between. */
  #readMore(): void {
    const { gatherer, pendingBytesMax } = this.#options;
    const room = (pendingBytesMax ?? EXPORT_PENDING_BYTES_MAX) - gatherer.bytes - this.#delivery.bytes;
    if (room <= 0 || this.#ledger.size >= EXPORT_PENDING_RECORDS_MAX) return;
    // With a disk that takes no cursor, what is read now would only pile up and be sent twice.
    if (this.#saveFailed) return;
    const read = this.#intake.pull(Math.min(room, EXPORT_READ_BYTES), this.#tail.seq);
    if (!read || this.#wanted) return;
    this.#wanted = true;
    setImmediate(() => {
      this.#wanted = false;
      this.#pump();
    });
  }

  #collect(): void {
    this.#letters.push(...this.#ledger.advance().deadLetters);
  }

  #maybeSave(now: number): void {
    if (this.#saving !== undefined || this.#ledger.cursorSeq === this.#savedSeq) {
      this.#releaseWaiters();
      return;
    }
    const hurry = !this.#saveFailed && this.#waiters.some((waiter) => waiter.seq <= this.#ledger.cursorSeq);
    if (!hurry && now - this.#savedAt < CURSOR_SAVE_INTERVAL_MS) return;
    this.#savedAt = now;
    this.#saving = this.#save().finally(() => {
      this.#saving = undefined;
      this.#pump();
    });
  }

  /** Dead letters and the exporter's own files first, then the cursor that promises them. */
  async #save(): Promise<void> {
    const { cursor, log, onCursor } = this.#options;
    const seq = this.#ledger.cursorSeq;
    if (seq === this.#savedSeq || this.#lost) return;
    const state: CursorState = {
      seq,
      totals: copyTotals(this.#ledger.passed),
      counts: addCounts(subtractCounts(sumTotals(this.#ledger.passed), this.#historic), this.#intake.notMine),
    };
    try {
      await this.#storeLetters();
      await this.#syncExporter();
      if (this.#lost) return;
      await cursor.save(state);
      this.#savedSeq = seq;
      this.#saveFailed = false;
      onCursor?.(seq);
      this.#releaseWaiters();
    } catch (error) {
      if (!this.#saveFailed) {
        log("error", `storing the cursor failed, what follows may be sent twice: ${errorMessage(error)}`);
      }
      this.#saveFailed = true;
    }
  }

  async #storeLetters(): Promise<void> {
    const letters = this.#letters;
    this.#letters = [];
    try {
      await this.#options.deadLetters.store(letters);
    } catch (error) {
      this.#letters = [...letters, ...this.#letters];
      throw error;
    }
  }

  /** After a failed sync what was called delivered may be gone, and a second sync could succeed without it. */
  async #syncExporter(): Promise<void> {
    const { exporter, onLost, name } = this.#options;
    try {
      await exporter.sync?.();
    } catch (error) {
      this.#lost = true;
      this.#cancelTimer?.();
      const message = `what was delivered could not be made durable: ${errorMessage(error)}`;
      const failure = new CounterfoilError("CF_EXPORT_RETRYABLE", `Destination ${name}: ${message}`, {
        retryable: true,
      });
      for (const waiter of this.#waiters.splice(0)) waiter.reject(failure);
      this.#drained?.();
      onLost?.(message);
    }
  }

  #releaseWaiters(): void {
    const done = this.#waiters.filter((waiter) => waiter.seq <= this.#savedSeq);
    if (done.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.seq > this.#savedSeq);
    for (const waiter of done) waiter.resolve();
  }

  #plan(): void {
    let due = this.#options.gatherer.dueAt();
    const earlier = (at: number | undefined): void => {
      if (at !== undefined && (due === undefined || at < due)) due = at;
    };
    earlier(this.#delivery.dueAt());
    if (this.#saving === undefined && this.#ledger.cursorSeq !== this.#savedSeq) {
      earlier(this.#savedAt + CURSOR_SAVE_INTERVAL_MS);
    }
    this.#wakeAt(due);
  }

  #wakeAt(due: number | undefined): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (due === undefined) return;
    const { clock } = this.#options;
    this.#cancelTimer = clock.schedule(() => this.#pump(), Math.max(1, due - clock.now()));
  }
}

/** The stored cursor, also one of a version that knew fewer signals. */
function storedCursor(cursor: CursorStore): CursorState | undefined {
  const stored = cursor.load();
  if (stored === undefined) return undefined;
  return { seq: stored.seq, counts: storedCounts(stored.counts), totals: copyTotals(stored.totals) };
}

interface StartingPoint {
  readonly start: CursorState;
  /** Whether this very state is on disk. */
  readonly stored: boolean;
  /** Whether what the journal trimmed already was before this destination's time. */
  readonly fresh: boolean;
}

/** The stored cursor, or the beginning or end of the journal; a cursor beyond the journal's end starts over. */
function startingPoint(options: EngineOptions, tail: JournalTail): StartingPoint {
  const stored = storedCursor(options.cursor);
  const beginning: CursorState = { seq: 0, counts: zeroCounts(), totals: zeroTotals() };
  if (stored === undefined) {
    if (options.startAt !== "end") return { start: beginning, stored: false, fresh: true };
    const start = { ...beginning, seq: tail.seq, counts: copyCounts(tail.counts) };
    return { start, stored: false, fresh: false };
  }
  if (stored.seq <= tail.seq) return { start: stored, stored: true, fresh: false };
  options.log(
    "error",
    `the cursor (${stored.seq}) is beyond the end of the journal (${tail.seq}): the journal was replaced; starting at its beginning`,
  );
  return { start: { ...beginning, totals: stored.totals }, stored: false, fresh: true };
}
