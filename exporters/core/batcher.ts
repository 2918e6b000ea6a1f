import type { JournalSignal } from "../../schema/index.js";
import { createBatch, type ExportBatch, type ExportPart, type Gatherer, type Hurry } from "./exporter.js";

/** When a batch is full or old enough to go. */
export interface BatchOptions {
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly flushIntervalMs: number;
  /** Whether this part may share a request with others. */
  readonly mayJoin?: (part: ExportPart) => boolean;
}

/** What SDKs send at most (512 spans), well below the size limits of peers. */
export const DEFAULT_BATCH: BatchOptions = {
  itemsMax: 512,
  bytesMax: 4 * 1024 * 1024,
  flushIntervalMs: 200,
};

interface OpenBatch {
  parts: ExportPart[];
  items: number;
  bytes: number;
  since: number;
}

/** Gathers whole parts by signal, in journal order. A part larger than the limits goes alone. */
export class Batcher implements Gatherer {
  readonly #options: BatchOptions;
  readonly #open = new Map<JournalSignal, OpenBatch>();
  #full: ExportBatch[] = [];
  #bytes = 0;

  constructor(options: BatchOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(signal: JournalSignal, part: ExportPart, now: number): void {
    const { itemsMax, bytesMax, mayJoin } = this.#options;
    this.#bytes += part.bytes;
    if (mayJoin?.(part) === false) {
      this.#close(signal);
      this.#full.push(createBatch(signal, [part]));
      return;
    }
    let open = this.#open.get(signal);
    if (
      open !== undefined &&
      (open.items + part.itemCount > itemsMax || open.bytes + part.bytes > bytesMax)
    ) {
      this.#close(signal);
      open = undefined;
    }
    if (open === undefined) {
      open = { parts: [], items: 0, bytes: 0, since: now };
      this.#open.set(signal, open);
    }
    open.parts.push(part);
    open.items += part.itemCount;
    open.bytes += part.bytes;
    if (open.items >= itemsMax || open.bytes >= bytesMax) this.#close(signal);
  }

  take(now: number, hurry?: Hurry): ExportBatch[] {
    for (const [signal, open] of this.#open) {
      if (hurry !== undefined || now - open.since >= this.#options.flushIntervalMs) this.#close(signal);
    }
    const ready = this.#full;
    this.#full = [];
    for (const batch of ready) this.#bytes -= batch.bytes;
    return ready;
  }

  dueAt(): number | undefined {
    let due: number | undefined;
    for (const open of this.#open.values()) {
      const at = open.since + this.#options.flushIntervalMs;
      if (due === undefined || at < due) due = at;
    }
    return due;
  }

  #close(signal: JournalSignal): void {
    const open = this.#open.get(signal);
    if (open === undefined) return;
    this.#open.delete(signal);
    this.#full.push(createBatch(signal, open.parts));
  }
}
