import type { ItemCounts } from "../../journal/index.js";
import type { SettledTotals } from "./counts.js";

/** What a destination knows after a restart. */
export interface CursorState {
  /** Everything up to this record is settled. */
  readonly seq: number;
  /** The journal's cumulative counts up to it. */
  readonly counts: ItemCounts;
  /** What became of the items, since the destination exists. */
  readonly totals: SettledTotals;
}

/** Where the cursor is kept. Saving is atomic and durable. */
export interface CursorStore {
  /** Undefined when nothing was stored yet. Throws when what is stored can't be read. */
  load(): CursorState | undefined;
  save(state: CursorState): void | Promise<void>;
}
