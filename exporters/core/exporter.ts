import type { PayloadEncoding } from "../../journal/index.js";
import { isTelemetry, type JournalSignal, type Signal, type SignalData } from "../../schema/index.js";
import type { LedgerEntry } from "./ledger.js";

/** What a part of a batch holds: a journal record's bytes as stored, or decoded objects. */
export type PartBody =
  | { readonly kind: "bytes"; readonly encoding: PayloadEncoding; readonly payload: Uint8Array }
  | { readonly kind: "data"; readonly data: SignalData[Signal] };

/** Some or all items of one journal record. */
export interface ExportPart {
  readonly entry: LedgerEntry;
  readonly itemCount: number;
  /** Estimated size on the wire before compression, for batching only. */
  readonly bytes: number;
  readonly body: PartBody;
}

/** What one request carries: parts of one signal, in journal order. */
export interface ExportBatch {
  readonly signal: JournalSignal;
  readonly parts: readonly ExportPart[];
  readonly itemCount: number;
  readonly bytes: number;
}

/**
 * What became of one attempt. A hop asks one question of a failure: is it worth trying again?
 * - `delivered`: the peer has it. `rejected` items of it were refused for good (OTLP partial success).
 * - `retry`: not now. `suspect` marks an answer that a poison item may have caused (500): once other batches pass while
 *   this one keeps failing, it is bisected. `assumeDeliveredAfter` ends retries of an answer that said yes but broke off.
 * - `rejected`: the peer refuses the content (400, 422); it is bisected to find the item.
 * - `too_large`: 413; it is split.
 * - `blocked`: nothing can be delivered until someone acts (401, 403, wrong address); data is kept.
 */
export type Outcome =
  | { readonly kind: "delivered"; readonly rejected?: { readonly count: number; readonly message: string } }
  | {
      readonly kind: "retry";
      readonly message: string;
      readonly retryAfterMs?: number;
      readonly suspect?: string;
      readonly assumeDeliveredAfter?: number;
    }
  | { readonly kind: "rejected"; readonly reason: string; readonly message: string }
  | { readonly kind: "too_large"; readonly message: string }
  | { readonly kind: "blocked"; readonly message: string };

/** What a destination type implements. The core owns everything else: cursor, batches, retries, dead letters, counters. */
export interface Exporter {
  /** `bytes` when stored payloads can go out as they are; `data` when it must have objects. */
  readonly wants: "bytes" | "data";
  /** Sends once, without retries of its own. Never throws for what the peer or the network did. */
  send(batch: ExportBatch, abort: AbortSignal): Promise<Outcome>;
  /** Makes durable what `send` said is delivered; called before the cursor moves over it. */
  sync?(): Promise<void>;
  /** Frees connections and files. */
  close(): Promise<void>;
}

/** `all` leaves nothing behind; `whole` leaves what would be sent incomplete, for the next start to deliver. */
export type Hurry = "all" | "whole";

/** Collects parts until they make a batch worth sending. */
export interface Gatherer {
  add(signal: JournalSignal, part: ExportPart, now: number): void;
  /** Removes and returns what is ready at `now`; with a {@link Hurry}, more than that. */
  take(now: number, hurry?: Hurry): ExportBatch[];
  /** Epoch milliseconds at which something held becomes ready by time alone. */
  dueAt(): number | undefined;
  /** Bytes held. */
  readonly bytes: number;
}

/** The signal of a batch of an exporter that takes telemetry only: the intake gives it nothing else. */
export function telemetrySignal({ signal }: ExportBatch): Signal {
  if (isTelemetry(signal)) return signal;
  throw new Error("this exporter takes no records");
}

/** A batch of these parts. */
export function createBatch(signal: JournalSignal, parts: readonly ExportPart[]): ExportBatch {
  let itemCount = 0;
  let bytes = 0;
  for (const part of parts) {
    itemCount += part.itemCount;
    bytes += part.bytes;
  }
  return { signal, parts, itemCount, bytes };
}
