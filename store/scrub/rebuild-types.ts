import type { FileEntry } from "../types.js";

/** What the rebuilding child gets: damaged files of one table whose parts of the journal overlap. */
export interface RebuildRequest {
  readonly mirrorDir: string;
  readonly journalDir: string;
  readonly workDir: string;
  readonly pricesDir: string;
  readonly memoryMb: number;
  readonly rowGroupRows: number;
  readonly table: string;
  readonly damaged: readonly FileEntry[];
  /** All listed files of the table; for `superseded` those of `spans`. */
  readonly listed: readonly FileEntry[];
  /** For `spans`: the listed files of `span_logs`. What their records say of the rebuilt spans is joined again. */
  readonly logs: readonly FileEntry[];
}

/** What it made: files on disk, synced, ready for one commit. */
export type RebuildAnswer =
  | {
      readonly ok: true;
      readonly add: readonly FileEntry[];
      readonly rows: number;
      /** Rows left out because another row of the same span counts. */
      readonly losers: number;
      /** Parts of the journal that are gone. */
      readonly missing: readonly (readonly [from: number, to: number])[];
    }
  | { readonly ok: false; readonly message: string };
