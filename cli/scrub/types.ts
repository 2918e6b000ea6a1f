import type { DamagedFile, JournalCheck, QuarantinedFile, RebuiltFile } from "../../store/index.js";

/** What `scrub` found and did. */
export interface ScrubOutcome {
  readonly files: number;
  readonly bytes: number;
  /** Files found damaged now. */
  readonly damaged: readonly DamagedFile[];
  /** Damaged files whose rows are back. */
  readonly rebuilt: readonly RebuiltFile[];
  /** Damaged files, found now or before, some rows of which can't be had back. */
  readonly lost: readonly QuarantinedFile[];
  /** Damaged files that could not be repaired now: the reasons. */
  readonly failed: readonly string[];
  readonly journal: JournalCheck | undefined;
}
