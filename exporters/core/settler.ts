import type { Clock } from "./clock.js";
import type { ExportBatch, ExportPart } from "./exporter.js";
import type { Ledger } from "./ledger.js";

/** Writes what became of batches into the ledger. */
export class Settler {
  readonly #ledger: Ledger;
  readonly #clock: Clock;

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /**
   * The peer has the batch, but for `rejected.count` items that it refused without saying which: those are counted
   * against the first parts, whose whole content becomes the dead letter.
   */
  delivered(batch: ExportBatch, rejected?: { count: number; message: string }): void {
    let refused = Math.min(rejected?.count ?? 0, batch.itemCount);
    for (const part of batch.parts) {
      const here = Math.min(refused, part.itemCount);
      refused -= here;
      if (here > 0)
        this.#setAside(batch, part, here, { reason: "partial_success", message: rejected?.message ?? "" });
      const passed = part.itemCount - here;
      if (passed > 0) this.#ledger.settle(part.entry, { kind: "delivered" }, passed);
    }
  }

  /** Gives the whole batch up. */
  deadLetter(batch: ExportBatch, reason: string, message: string): void {
    for (const part of batch.parts) this.#setAside(batch, part, part.itemCount, { reason, message });
  }

  #setAside(
    batch: ExportBatch,
    part: ExportPart,
    items: number,
    why: { reason: string; message: string },
  ): void {
    this.#ledger.settle(part.entry, { kind: "deadLetter", reason: why.reason }, items, {
      seq: part.entry.seq,
      signal: batch.signal,
      items,
      reason: why.reason,
      message: why.message,
      timeMs: this.#clock.now(),
      processed: true,
      ...(items === part.itemCount ? {} : { candidates: part.itemCount }),
      body: part.body,
    });
  }
}
