import { SUSPECT_ATTEMPTS, errorMessage } from "../../schema/index.js";
import { cleanText } from "./classify.js";
import type { Clock } from "./clock.js";
import type { ExportBatch, Exporter, Outcome } from "./exporter.js";
import { freshAttempt, SendQueue, type Attempt } from "./queue.js";
import { backoffMs, type RetryOptions } from "./retry.js";
import type { Settler } from "./settler.js";
import { splitBatch } from "./split.js";

/** Dead letters are logged at most this often, milliseconds. */
const DEAD_LETTER_LOG_MS = 10_000;

/** What {@link Delivery} works with. */
export interface DeliveryOptions {
  readonly exporter: Exporter;
  readonly settler: Settler;
  readonly retry: RetryOptions;
  readonly concurrency: number;
  readonly recheckMs: number;
  readonly clock: Clock;
  readonly log: (level: "info" | "warn" | "error", message: string) => void;
  /** Called after each attempt. */
  readonly onProgress: () => void;
}

/** How the peer is doing. */
export interface DeliveryHealth {
  readonly state: "running" | "retrying" | "paused";
  readonly sent: number;
  readonly failed: number;
  readonly lastError?: string;
  readonly nextAttemptAt?: number;
}

/**
 * Sends batches and decides what a failure means. The pause after a failure holds the whole destination, and one batch
 * probes until something passes; so a peer that comes back meets one request, not all of them.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #queue = new SendQueue();
  readonly #inFlight = new Map<Attempt, Promise<void>>();
  readonly #abort = new AbortController();
  #state: DeliveryHealth["state"] = "running";
  #failuresInARow = 0;
  #holdUntil = 0;
  #batchesDelivered = 0;
  #lastPassed = false;
  #sent = 0;
  #failed = 0;
  #lastError: string | undefined;
  #lettersUnlogged = 0;
  #logLettersAt = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Bytes waiting or in flight. */
  get bytes(): number {
    let bytes = this.#queue.bytes;
    for (const attempt of this.#inFlight.keys()) bytes += attempt.batch.bytes;
    return bytes;
  }

  /** Nothing waits and nothing is in flight. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#inFlight.size === 0;
  }

  /** The peer failed and nothing is under way that could show that it is back. */
  get held(): boolean {
    return this.#state !== "running" && this.#inFlight.size === 0;
  }

  health(): DeliveryHealth {
    return {
      state: this.#state,
      sent: this.#sent,
      failed: this.#failed,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      ...(this.#state === "running" ? {} : { nextAttemptAt: this.#holdUntil }),
    };
  }

  /** When the next waiting batch may be sent; undefined when none waits or a send is under way that will decide. */
  dueAt(): number | undefined {
    if (this.#queue.length === 0 || this.#inFlight.size >= this.#width()) return undefined;
    return this.#holdUntil;
  }

  enqueue(batch: ExportBatch): void {
    this.#queue.push(freshAttempt(batch));
  }

  /** Ends any pause. */
  retryNow(): void {
    this.#holdUntil = 0;
  }

  /** Starts what may be sent at `now`. */
  send(now: number): void {
    while (now >= this.#holdUntil && this.#inFlight.size < this.#width()) {
      // While others pass, suspects take turns with them; otherwise a busy destination would never come back to them.
      const attempt = this.#queue.shift(this.#lastPassed);
      if (attempt === undefined) return;
      this.#lastPassed = false;
      const run = this.#try(attempt).finally(() => {
        this.#inFlight.delete(attempt);
        this.#options.onProgress();
      });
      this.#inFlight.set(attempt, run);
    }
  }

  /** Stops what is in flight and waits for it. Unsent batches are simply forgotten: the journal has them. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled(this.#inFlight.values());
  }

  #width(): number {
    return this.#state === "running" ? this.#options.concurrency : 1;
  }

  async #try(attempt: Attempt): Promise<void> {
    const failuresBefore = this.#failuresInARow;
    let outcome: Outcome;
    this.#sent += 1;
    try {
      outcome = await this.#options.exporter.send(attempt.batch, this.#abort.signal);
    } catch (error) {
      // A defect of ours on this content, not of the peer: bisecting finds the item.
      outcome = { kind: "rejected", reason: "export_failed", message: cleanText(errorMessage(error)) };
    }
    if (this.#abort.signal.aborted && outcome.kind !== "delivered") return;
    if (outcome.kind !== "delivered") {
      this.#failed += 1;
      this.#lastError = outcome.message;
    }
    switch (outcome.kind) {
      case "delivered":
        this.#delivered(attempt, outcome.rejected);
        return;
      case "retry":
        this.#retry(attempt, outcome, failuresBefore);
        return;
      case "rejected":
        this.#recovered();
        this.#divide(attempt, outcome.reason, outcome.message);
        return;
      case "too_large":
        this.#recovered();
        this.#divide(attempt, "too_large", outcome.message);
        return;
      case "blocked":
        this.#pause(attempt, outcome.message);
        return;
    }
  }

  #delivered(attempt: Attempt, rejected?: { count: number; message: string }): void {
    this.#batchesDelivered += 1;
    this.#lastPassed = true;
    this.#options.settler.delivered(attempt.batch, rejected);
    if (rejected !== undefined && rejected.count > 0) {
      this.#lastError = rejected.message;
      this.#options.log("warn", `the peer rejected ${rejected.count} items: ${rejected.message}`);
    }
    this.#recovered();
  }

  #recovered(): void {
    if (this.#state !== "running") this.#options.log("info", "delivering again");
    this.#state = "running";
    this.#failuresInARow = 0;
    this.#holdUntil = 0;
  }

  #retry(attempt: Attempt, outcome: Outcome & { kind: "retry" }, failuresBefore: number): void {
    const { clock, retry, settler, log } = this.#options;
    const now = clock.now();
    attempt.failures += 1;
    attempt.failedSince ??= now;
    attempt.deliveredBefore ??= this.#batchesDelivered;
    if (outcome.assumeDeliveredAfter !== undefined) {
      attempt.brokenAnswers += 1;
      if (attempt.brokenAnswers >= outcome.assumeDeliveredAfter) {
        log("warn", `${outcome.message} ${attempt.brokenAnswers} times; taken as delivered`);
        this.#delivered(attempt);
        return;
      }
    }
    this.#hold(outcome, failuresBefore, now);
    if (retry.maxElapsedMs > 0 && now - attempt.failedSince >= retry.maxElapsedMs) {
      settler.deadLetter(attempt.batch, "retry_time_exceeded", outcome.message);
      return;
    }
    if (outcome.suspect !== undefined) {
      attempt.suspicions += 1;
      const othersPass = this.#batchesDelivered > attempt.deliveredBefore;
      if (othersPass && attempt.suspicions >= SUSPECT_ATTEMPTS) {
        this.#divide(attempt, outcome.suspect, outcome.message);
        return;
      }
    }
    this.#queue.push(attempt);
  }

  /** One failure in a row for each wave of concurrent sends, not one for each request of it. */
  #hold(outcome: Outcome & { kind: "retry" }, failuresBefore: number, now: number): void {
    const { clock, retry, log } = this.#options;
    if (this.#failuresInARow === failuresBefore) this.#failuresInARow += 1;
    const pause = backoffMs(retry, this.#failuresInARow, clock, outcome.retryAfterMs);
    this.#holdUntil = Math.max(this.#holdUntil, now + pause);
    if (this.#state === "running") {
      log("warn", `not delivered, will try again for as long as it takes: ${outcome.message}`);
    }
    this.#state = "retrying";
  }

  #pause(attempt: Attempt, message: string): void {
    const { clock, recheckMs, log } = this.#options;
    if (this.#state !== "paused") {
      log("error", `delivery is paused and the data kept, until this is put right: ${message}`);
    }
    this.#state = "paused";
    this.#holdUntil = clock.now() + recheckMs;
    this.#queue.push(attempt);
  }

  /** Halves a batch that the peer refuses as it is; a single item goes to the dead letters. */
  #divide(attempt: Attempt, reason: string, message: string): void {
    const { settler } = this.#options;
    let halves: readonly ExportBatch[] | undefined;
    try {
      halves = splitBatch(attempt.batch);
    } catch (error) {
      settler.deadLetter(attempt.batch, "undecodable", cleanText(errorMessage(error)));
      return;
    }
    if (halves === undefined) {
      this.#logDeadLetter(reason, message);
      settler.deadLetter(attempt.batch, reason, message);
      return;
    }
    for (const batch of halves) {
      // A half inherits the suspicion, but must see others pass once more: an outage must not divide on and on.
      const deliveredBefore = this.#batchesDelivered;
      this.#queue.push({ ...attempt, batch, deliveredBefore, failures: 0, brokenAnswers: 0 });
    }
  }

  /** One line in a while, however many items a peer refuses; the counters have them all. */
  #logDeadLetter(reason: string, message: string): void {
    const { clock, log } = this.#options;
    this.#lettersUnlogged += 1;
    const now = clock.now();
    if (now < this.#logLettersAt) return;
    log(
      "warn",
      `${this.#lettersUnlogged} item(s) went to the dead letters, the last one as ${reason}: ${message}`,
    );
    this.#lettersUnlogged = 0;
    this.#logLettersAt = now + DEAD_LETTER_LOG_MS;
  }
}
