import { join } from "node:path";
import {
  type FileSystem,
  type ItemCounts,
  itemsOf,
  type JournalPlace,
  type JournalTail,
  nodeFileSystem,
  subtractCounts,
} from "../journal/index.js";
import {
  CounterfoilError,
  errorMessage,
  SEAL_BYTES,
  SEAL_INTERVAL_MS,
  SEAL_RECENT_IDS,
  SEAL_RETRY_MAX_MS,
  SEAL_RETRY_MIN_MS,
  SEAL_ROWS,
} from "../schema/index.js";
import { dataDirPaths } from "./data-dir.js";
import { DeadLetterCounters, totalCounts } from "./seal/dead-letter-counts.js";
import type { DeadLetterCounts, ReadRange, SealedRange, SealOrder } from "./seal/messages.js";
import { dateOf, narrow, newestFiles, newPiece, type Piece } from "./seal/piece.js";
import { RecentSpans } from "./seal/recent-spans.js";
import { SealerCrash } from "./seal/sealer-client.js";
import { SealerPool } from "./seal/sealer-pool.js";
import type { StartSealer } from "./seal/sealer-port.js";
import type { Catalog, CatalogSnapshot, FileEntry } from "./types.js";

/** How {@link openMirror} opens. */
export interface MirrorOptions {
  /** Root of the data directory; its lock must be held. */
  readonly dataDir: string;
  readonly catalog: Catalog;
  /** Sealing processes, at least 1. One seals about 50,000 spans with content a second. */
  readonly workers?: number;
  /** A file is written at this many rows, bytes of requests, or milliseconds since its first record. */
  readonly sealRows?: number;
  readonly sealBytes?: number;
  readonly sealIntervalMs?: number;
  readonly fileSystem?: FileSystem;
  /** Starts what writes the files; by default processes with DuckDB. */
  readonly startSealer?: StartSealer;
  readonly onLog?: (entry: { readonly level: "info" | "warn" | "error"; readonly message: string }) => void;
}

/** What a commit of the mirror made visible. */
export interface SealedEvent {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly files: readonly FileEntry[];
  readonly snapshot: CatalogSnapshot;
}

/** Where the mirror stands: the numbers of a destination (I2), and some of its own. */
export interface MirrorStats {
  readonly state: "running" | "retrying" | "stopped";
  readonly cursorSeq: number;
  readonly accepted: ItemCounts;
  readonly delivered: ItemCounts;
  readonly waiting: ItemCounts;
  readonly deadLetter: DeadLetterCounts;
  /** Pieces sealed and committed, and attempts that failed, since the start. */
  readonly requests: { readonly sent: number; readonly failed: number };
  readonly lastError?: string;
  readonly nextAttemptAt?: number;
  /** `pointer` (fast) or `safe`; empty before the first worker is ready. */
  readonly filler: string;
  /** Milliseconds that the last piece took from being assigned to being visible. */
  readonly lastSealMs: number;
}

/** The mirror's writer: follows the journal, seals it piece by piece, commits in order. */
export interface Mirror {
  /**
   * Begins after the catalog's sealedSeq. Does not wait for the first sealing process: receiving needs none, and one that
   * can't start is told, and tried again, like any sealing that fails.
   */
  start(tail: JournalTail): Promise<void>;
  /** The journal grew. */
  notify(tail: JournalTail): void;
  /** Calls the listener after each commit; returns the function that stops it. */
  onSealed(listener: (event: SealedEvent) => void): () => void;
  /** Seals without waiting for a full file; resolves when everything notified so far is visible. */
  flush(deadlineMs: number): Promise<void>;
  stats(): MirrorStats;
  /** One last flush within the deadline, then the processes end. What is not sealed stays in the journal. */
  shutdown(deadlineMs: number): Promise<void>;
}

/** Sealed pieces that may wait for the commit of one before them, besides one for each process. */
const PIECES_AHEAD = 2;

/** Opens the mirror over a data directory. Its first process gets ready at once; nothing is sealed before `start`. */
export async function openMirror(options: MirrorOptions): Promise<Mirror> {
  const paths = dataDirPaths(options.dataDir);
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  await fileSystem.mkdir(paths.cursors);
  const { sealedSeq } = options.catalog.snapshot();
  const counters = new DeadLetterCounters(join(paths.cursors, "mirror.json"), fileSystem);
  await counters.load(sealedSeq);
  const mirror = new SealingMirror(options, counters);
  mirror.prepare();
  return mirror;
}

class SealingMirror implements Mirror {
  readonly #catalog: Catalog;
  readonly #pool: SealerPool;
  readonly #counters: DeadLetterCounters;
  readonly #limits: { readonly rows: number; readonly bytes: number; readonly intervalMs: number };
  readonly #recent = new RecentSpans(SEAL_RECENT_IDS);
  #recalled: Promise<void> = Promise.resolve();
  readonly #listeners = new Set<(event: SealedEvent) => void>();
  readonly #pieces: Piece[] = [];
  readonly #log: NonNullable<MirrorOptions["onLog"]>;
  #tail: JournalTail;
  /** End of the last piece that was given out. */
  #assigned: { seq: number; counts: ItemCounts; place?: JournalPlace | undefined };
  #waitingSince: number | undefined;
  #flushSeq = 0;
  #timer: NodeJS.Timeout | undefined;
  #committing = false;
  #state: "new" | "running" | "stopped" = "new";
  #retry: { attempts: number; at: number; error: string } | undefined;
  #bytesPerItem = 0;
  #sent = 0;
  #failed = 0;
  #lastSealMs = 0;

  constructor(options: MirrorOptions, counters: DeadLetterCounters) {
    this.#catalog = options.catalog;
    this.#counters = counters;
    this.#log = options.onLog ?? ((): void => undefined);
    this.#limits = {
      rows: options.sealRows ?? SEAL_ROWS,
      bytes: options.sealBytes ?? SEAL_BYTES,
      intervalMs: options.sealIntervalMs ?? SEAL_INTERVAL_MS,
    };
    this.#pool = new SealerPool({
      paths: dataDirPaths(options.dataDir),
      workers: options.workers ?? 1,
      ...(options.startSealer === undefined ? {} : { startSealer: options.startSealer }),
      onRested: () => this.#pump(),
      onLog: (level, message) => this.#log({ level, message }),
    });
    const { sealedSeq, sealedCounts } = options.catalog.snapshot();
    this.#assigned = { seq: sealedSeq, counts: sealedCounts };
    this.#tail = { seq: sealedSeq, counts: sealedCounts };
  }

  /** Starts the first process. What goes wrong comes up again, and is told, in `start`. */
  prepare(): void {
    this.#pool.start().catch(() => undefined);
  }

  async start(tail: JournalTail): Promise<void> {
    this.#state = "running";
    // Not awaited: a million ids take seconds to read back, and receiving needs none of them. Commits wait for it.
    this.#recalled = this.#recallSpans().then(() => this.#pump());
    this.notify(tail);
  }

  /** Fills the memory of recent spans. Without it the mirror works, and leaves duplicates to compaction. */
  async #recallSpans(): Promise<void> {
    const spans = this.#catalog.snapshot().files.filter((file) => file.table === "spans");
    const newest = newestFiles(spans, SEAL_RECENT_IDS).map((file) => file.path);
    try {
      await this.#recent.add(await this.#pool.use((client) => client.recentIds(newest, SEAL_RECENT_IDS)));
    } catch (error) {
      if (this.#state !== "running") return;
      const message = `Spans sent again may show twice until compaction: the newest files can't be read: ${errorMessage(error)}`;
      this.#log({ level: "warn", message });
    }
  }

  notify(tail: JournalTail): void {
    if (tail.seq <= this.#tail.seq) return;
    this.#tail = tail;
    this.#waitingSince ??= Date.now();
    if (this.#state === "running") this.#pool.warm();
    this.#pump();
  }

  onSealed(listener: (event: SealedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async flush(deadlineMs: number): Promise<void> {
    const target = this.#tail.seq;
    if (this.#catalog.snapshot().sealedSeq >= target) return;
    this.#flushSeq = Math.max(this.#flushSeq, target);
    let stopListening = (): void => undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        stopListening = this.onSealed((event) => {
          if (event.lastSeq >= target) resolve();
        });
        timer = setTimeout(() => {
          const why = this.#retry === undefined ? "it is still working" : this.#retry.error;
          const at = this.#catalog.snapshot().sealedSeq;
          const text = `the mirror reached seq ${at} of ${target} within ${deadlineMs} ms (${why}); the rest is safe in the journal`;
          reject(new CounterfoilError("CF_SEAL_FAILED", text, { retryable: true }));
        }, deadlineMs);
        this.#pump();
      });
    } finally {
      stopListening();
      clearTimeout(timer);
    }
  }

  stats(): MirrorStats {
    const { sealedSeq, sealedCounts } = this.#catalog.snapshot();
    const deadLetter = this.#counters.total;
    const retrying = this.#retry !== undefined && this.#state === "running";
    return {
      state: retrying ? "retrying" : this.#state === "running" ? "running" : "stopped",
      cursorSeq: sealedSeq,
      accepted: this.#tail.counts,
      delivered: subtractCounts(sealedCounts, totalCounts(deadLetter)),
      waiting: subtractCounts(this.#tail.counts, sealedCounts),
      deadLetter,
      requests: { sent: this.#sent, failed: this.#failed },
      ...(this.#retry === undefined ? {} : { lastError: this.#retry.error, nextAttemptAt: this.#retry.at }),
      filler: this.#pool.filler,
      lastSealMs: this.#lastSealMs,
    };
  }

  async shutdown(deadlineMs: number): Promise<void> {
    if (this.#state === "stopped") return;
    const start = Date.now();
    if (this.#state === "running") {
      await this.flush(deadlineMs).catch((error: unknown) => {
        this.#log({ level: "warn", message: errorMessage(error) });
      });
    }
    this.#state = "stopped";
    clearTimeout(this.#timer);
    await this.#pool.stop(Math.max(500, deadlineMs - (Date.now() - start)));
  }

  /** Gives out work: first pieces to be tried again, then what waits, when a file is due and its start is known. */
  #pump(): void {
    if (this.#state !== "running") return;
    clearTimeout(this.#timer);
    const now = Date.now();
    if (this.#retry !== undefined && now < this.#retry.at) return this.#wakeAt(this.#retry.at);
    for (const piece of this.#pieces) {
      if (piece.sealed === undefined && !piece.running && this.#pool.idle) this.#seal(piece);
    }
    while (this.#mayAssign() && this.#due(now)) {
      const { seq, counts, place } = this.#assigned;
      const order = {
        afterSeq: seq,
        counts,
        place,
        upToSeq: this.#tail.seq,
        rowsMax: this.#limits.rows,
        bytesMax: this.#limits.bytes,
      };
      const piece = newPiece(order, now);
      this.#pieces.push(piece);
      this.#seal(piece);
    }
    if (this.#pieces[0]?.sealed !== undefined) void this.#commit();
    // A file that is due already waits for a process, and its end comes back here.
    const due = this.#waitingSince === undefined ? 0 : this.#waitingSince + this.#limits.intervalMs;
    if (due > now) this.#wakeAt(due);
  }

  #wakeAt(time: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), Math.max(5, time - Date.now()));
  }

  /** Whether a process is free for more, where it begins is known, and not too much waits for its commit. */
  #mayAssign(): boolean {
    if (!this.#pool.idle || this.#tail.seq <= this.#assigned.seq) return false;
    if (this.#pieces.length >= this.#pool.size + PIECES_AHEAD) return false;
    return this.#pieces.every((piece) => piece.read !== undefined);
  }

  #due(now: number): boolean {
    if (this.#flushSeq > this.#assigned.seq) return true;
    if (this.#waitingSince !== undefined && now - this.#waitingSince >= this.#limits.intervalMs) return true;
    const items = itemsOf(this.#tail.counts) - itemsOf(this.#assigned.counts);
    return items >= this.#limits.rows || items * this.#bytesPerItem >= this.#limits.bytes;
  }

  #seal(piece: Piece): void {
    piece.running = true;
    const { order, read } = piece;
    const fixed =
      read === undefined ? order : { ...order, upToSeq: read.lastSeq, rowsMax: Infinity, bytesMax: Infinity };
    void this.#attempt(piece, fixed);
  }

  async #attempt(piece: Piece, order: SealOrder): Promise<void> {
    try {
      piece.sealed = await this.#pool.use((client) =>
        client.seal(order, (range) => this.#onRead(piece, range)),
      );
    } catch (error) {
      this.#onFailure(piece, error);
    }
    piece.running = false;
    this.#pump();
  }

  #onRead(piece: Piece, range: ReadRange): void {
    if (piece.read !== undefined) return;
    piece.read = range;
    if (range.items > 0) this.#bytesPerItem = range.bytes / range.items;
    this.#assigned = { seq: range.lastSeq, counts: range.counts, place: range.place };
    this.#waitingSince = this.#tail.seq > range.lastSeq ? Date.now() : undefined;
    this.#pump();
  }

  #onFailure(piece: Piece, error: unknown): void {
    if (this.#state !== "running") return;
    this.#failed++;
    const fault = error instanceof SealerCrash || !(error instanceof CounterfoilError && error.retryable);
    const later = this.#pieces.slice(this.#pieces.indexOf(piece) + 1);
    // Pieces behind it may begin elsewhere after this, so they are given up; but not under a process that writes them.
    if (fault && later.every((other) => !other.running) && narrow(piece)) {
      this.#pieces.length -= later.length;
      this.#assigned = { seq: piece.order.afterSeq, counts: piece.order.counts, place: piece.order.place };
      // A shorter piece is a new attempt, not one more of the same.
      this.#retry = undefined;
    }
    this.#backOff(errorMessage(error));
  }

  #backOff(message: string): void {
    const attempts = (this.#retry?.attempts ?? 0) + 1;
    const delay = Math.min(SEAL_RETRY_MAX_MS, SEAL_RETRY_MIN_MS * 2 ** (attempts - 1));
    this.#retry = { attempts, at: Date.now() + delay, error: message };
    this.#log({ level: "warn", message: `Sealing failed and is tried again in ${delay} ms: ${message}` });
  }

  /** Commits sealed pieces in journal order. */
  async #commit(): Promise<void> {
    if (this.#committing) return;
    this.#committing = true;
    try {
      for (let piece = this.#pieces[0]; piece?.sealed !== undefined; piece = this.#pieces[0]) {
        const { lastSeq } = piece.sealed;
        if (lastSeq > piece.order.afterSeq) await this.#commitPiece(piece, piece.sealed);
        this.#pieces.shift();
        this.#retry = undefined;
        // Damage at the journal's end shows only when something good comes behind it.
        if (lastSeq === piece.order.afterSeq)
          this.#backOff(`nothing readable in the journal after seq ${lastSeq} yet`);
      }
    } catch (error) {
      this.#failed++;
      this.#backOff(errorMessage(error));
    } finally {
      this.#committing = false;
      this.#pump();
    }
  }

  async #commitPiece(piece: Piece, sealed: SealedRange): Promise<void> {
    await this.#recalled;
    piece.winners ??= await this.#recent.add(sealed.ids);
    const files = [...sealed.files];
    if (piece.winners.length > 0) {
      const { firstSeq, lastSeq } = sealed;
      const order = { date: dateOf(sealed.files), firstSeq, lastSeq, winners: piece.winners };
      files.push(await this.#pool.use((client) => client.writeWinners(order)));
    }
    await this.#counters.save(sealed.lastSeq, sealed.deadLetter);
    const snapshot = await this.#catalog.commit({
      add: files,
      remove: [],
      sealedSeq: sealed.lastSeq,
      sealedCounts: sealed.counts,
    });
    this.#counters.settle(sealed.deadLetter);
    this.#sent++;
    this.#lastSealMs = Date.now() - piece.since;
    const { firstSeq, lastSeq } = sealed;
    for (const listener of this.#listeners) listener({ firstSeq, lastSeq, files, snapshot });
  }
}
