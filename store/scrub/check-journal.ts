import { setImmediate } from "node:timers/promises";
import { type JournalGap, openJournalReader } from "../../journal/index.js";
import { errorMessage } from "../../schema/index.js";

const READ_BYTES = 4 * 1024 * 1024;

/** What reading the whole journal showed. */
export interface JournalCheck {
  readonly records: number;
  readonly payloadBytes: number;
  /** Damaged or missing parts. */
  readonly gaps: readonly JournalGap[];
  /** Why reading stopped before the end. */
  readonly error?: string;
}

/**
 * Reads every record of a journal, which verifies its checksums. Safe beside a running server: what is being written
 * is left out, and segments that are trimmed meanwhile are no gap. Throws when `signal` aborts.
 */
export async function checkJournal(
  dir: string,
  options: { onBytes?: (bytes: number) => void; signal?: AbortSignal } = {},
): Promise<JournalCheck> {
  const reader = openJournalReader({ dir, afterSeq: 0 });
  const gaps: JournalGap[] = [];
  let records = 0;
  let payloadBytes = 0;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const batch = reader.read({ maxBytes: READ_BYTES, upToSeq: Number.MAX_SAFE_INTEGER });
      if (batch.records.length === 0 && batch.gaps.length === 0) break;
      gaps.push(...batch.gaps.filter(({ reason }) => reason === "corrupt"));
      const bytes = batch.records.reduce((sum, { payload }) => sum + payload.length, 0);
      records += batch.records.length;
      payloadBytes += bytes;
      options.onBytes?.(bytes);
      await setImmediate();
    }
    return { records, payloadBytes, gaps };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { records, payloadBytes, gaps, error: errorMessage(error) };
  } finally {
    reader.close();
  }
}
