import type { JournalEvent } from "../../journal/index.js";
import type { Logger } from "./logger.js";

/** Events of the journal's ordinary life; the others are warnings. */
const LEVELS: Readonly<Record<string, "debug" | "info">> = {
  segment_created: "debug",
  unused_segment_removed: "debug",
  tail_truncated: "info",
  resumed: "info",
};

/** Come with every request while a disk is full or gone: one line for many, or the log would fill the next disk. */
const REPEATING: ReadonlySet<string> = new Set(["write_failed", "records_rejected", "remove_failed"]);

/** A repeating event is logged at most this often, milliseconds. */
const REPEAT_MS = 10_000;

/** Writes the journal's events to the log. `not_logged` counts those of the same kind since its last line. */
export function createJournalLog(log: Logger, now: () => number = Date.now): (event: JournalEvent) => void {
  const repeats = new Map<string, { until: number; notLogged: number }>();
  return ({ kind, ...fields }) => {
    const repeat = repeats.get(kind);
    if (repeat !== undefined && now() < repeat.until) {
      repeat.notLogged += 1;
      return;
    }
    if (kind === "resumed") repeats.clear();
    if (REPEATING.has(kind)) repeats.set(kind, { until: now() + REPEAT_MS, notLogged: 0 });
    const notLogged = repeat?.notLogged ?? 0;
    log[LEVELS[kind] ?? "warn"](
      { ...fields, ...(notLogged === 0 ? {} : { not_logged: notLogged }) },
      `Journal: ${kind.replaceAll("_", " ")}`,
    );
  };
}
