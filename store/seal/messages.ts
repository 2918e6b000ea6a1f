import type { ItemCounts, JournalPlace } from "../../journal/index.js";
import type { FileEntry } from "../types.js";

/** Where a sealing process reads and writes. Plain data: it goes to a child. */
export interface SealerPaths {
  readonly journalDir: string;
  readonly mirrorDir: string;
  /** Files are written below this folder, under the names that they will have in the mirror; others move them there. */
  readonly outDir: string;
  readonly tempDir: string;
  readonly deadLetterDir: string;
  /** Folder of the price tables; calls are priced by the one in effect (see prices/effective-prices.ts). */
  readonly pricesDir: string;
}

/** One piece of the journal to seal: from the record after `afterSeq` up to `upToSeq` or the limits. */
export interface SealOrder {
  readonly afterSeq: number;
  /** Cumulative items up to `afterSeq`. */
  readonly counts: ItemCounts;
  /** Where its first record starts, if the reader of the piece before knew. */
  readonly place?: JournalPlace | undefined;
  readonly upToSeq: number;
  /** The piece ends with the record that reaches one of these. */
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly recordsMax?: number;
  /** Don't seal the piece but keep its records as dead letters: every attempt has failed. */
  readonly giveUp?: true;
}

/** Where a piece really ended. Known as soon as it is read, so that another worker can go on behind it. */
export interface ReadRange {
  readonly lastSeq: number;
  readonly counts: ItemCounts;
  readonly bytes: number;
  readonly items: number;
  /** Where the next piece starts. */
  readonly place: JournalPlace | undefined;
}

/** Ids of span rows, packed: 24 bytes each (trace id, span id), and the row's place. */
export interface SpanIds {
  readonly ids: Uint8Array<ArrayBuffer>;
  readonly seqs: Float64Array<ArrayBuffer>;
  /** seq_index, plus {@link HAS_END} when the span has an end time. */
  readonly places: Uint32Array<ArrayBuffer>;
}

/** Bit of {@link SpanIds.places}. */
export const HAS_END = 0x8000_0000;

/** Items that were given up, by reason. */
export type DeadLetterCounts = Readonly<Record<string, ItemCounts>>;

/** A sealed piece. Its files are on disk, but not yet in the catalog. */
export interface SealedRange extends ReadRange {
  readonly firstSeq: number;
  readonly files: readonly FileEntry[];
  readonly ids: SpanIds;
  readonly deadLetter: DeadLetterCounts;
}

/** A row of the `superseded` table: the row that counts of a span that came more than once. */
export interface Winner {
  readonly traceId: string;
  readonly spanId: string;
  readonly seq: number;
  readonly seqIndex: number;
}

/** Where a `superseded` file belongs: beside the files of the range that brought the duplicates. */
export interface WinnersOrder {
  readonly date: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly winners: readonly Winner[];
}

/** What the coordinator asks of a worker; `id` comes back with the answer. */
export type SealerRequest =
  | { readonly type: "seal"; readonly id: number; readonly order: SealOrder }
  | { readonly type: "winners"; readonly id: number; readonly order: WinnersOrder }
  | { readonly type: "recent"; readonly id: number; readonly paths: readonly string[]; readonly max: number }
  | { readonly type: "stop" };

/** What a worker answers. */
export type SealerReply =
  | { readonly type: "ready"; readonly filler: string; readonly note: string }
  | { readonly type: "read"; readonly id: number; readonly range: ReadRange }
  | { readonly type: "sealed"; readonly id: number; readonly range: SealedRange }
  | { readonly type: "winners"; readonly id: number; readonly file: FileEntry }
  | { readonly type: "recent"; readonly id: number; readonly ids: SpanIds }
  | { readonly type: "log"; readonly level: "info" | "warn"; readonly message: string }
  | {
      readonly type: "failed";
      readonly id: number;
      readonly code: string;
      readonly message: string;
      readonly retryable: boolean;
    };
