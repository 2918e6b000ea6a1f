import type { FileEntry } from "../types.js";
import type { ReadRange, SealedRange, SealerPaths, SealOrder, SpanIds, WinnersOrder } from "./messages.js";

/**
 * What turns pieces of the journal into files: one piece at a time. Every file that it names is on disk, synced, under a
 * durable name, and the same order gives the same names again. After it ended every call rejects; start a new one.
 */
export interface SealerPort {
  /** False once it ended. */
  readonly alive: boolean;
  /** How it fills columns: `pointer` or `safe`. */
  readonly filler: string;
  /** Seals one piece; `onRead` is told its end before the slow part begins. */
  seal(order: SealOrder, onRead: (range: ReadRange) => void): Promise<SealedRange>;
  /** Writes rows of `superseded`. */
  writeWinners(order: WinnersOrder): Promise<FileEntry>;
  /** Ids of the rows in these files, at most `max`. */
  recentIds(paths: readonly string[], max: number): Promise<SpanIds>;
  /** Lets it finish what it has, then end; ends it the hard way after `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

/** Starts a {@link SealerPort}; rejects when it can't start. */
export type StartSealer = (
  paths: SealerPaths,
  onLog: (level: "info" | "warn", message: string) => void,
) => Promise<SealerPort>;
