import type { PriceTable } from "../../schema/index.js";
import type { StoredChange } from "../../schema/index.js";

/** What a row takes from the journal record that it came in. */
export interface RecordOrigin {
  readonly seq: number;
  readonly receivedUnixNano: bigint;
}

/** Turns the export requests of one signal into rows of its table. */
export interface RecordDecoder {
  /**
   * Appends the rows of the request in `batch.source[start, end)`. Returns how many. Throws CF_OTLP_MALFORMED or
   * CF_OTLP_TOO_DEEP; the rows it added until then are the caller's to roll back.
   */
  decode(start: number, end: number, origin: RecordOrigin): number;
  /** Feedback that the last request carried, in its order. Absent where none can be. */
  evaluations?(): readonly StoredChange[];
  /** Forgets what the last request left outside the batch, whose rows are rolled back. */
  rollback?(): void;
  /** Prices calls by this table from the next request on; only where rows have a cost. */
  usePrices?(table: PriceTable): void;
}
