import type { Journal, JournalEntry, JournalGap, JournalReader, JournalRecord } from "../../journal/index.js";
import type { Signal } from "../../schema/index.js";

/** An entry whose payload says who it is: `id`, then filler up to `bytes`. */
export function entry(id: string, overrides: Partial<JournalEntry> & { bytes?: number } = {}): JournalEntry {
  const { bytes = 40, ...rest } = overrides;
  const payload = Buffer.from(`${id}:`.padEnd(bytes, "."));
  return { signal: "traces", encoding: "identity", payload, itemCount: 1, receivedUnixNano: 1_000n, ...rest };
}

/** The id that {@link entry} wrote. */
export function idOf(record: Pick<JournalRecord, "payload">): string {
  return Buffer.from(record.payload).toString("utf8").split(":")[0] ?? "";
}

/** Everything up to `upToSeq`, in reads of `maxBytes`. */
export function readAll(
  reader: JournalReader,
  upToSeq: number,
  maxBytes = 1_000,
): { records: JournalRecord[]; gaps: JournalGap[]; counts: Record<Signal, number>; lastSeq: number } {
  const records: JournalRecord[] = [];
  const gaps: JournalGap[] = [];
  for (;;) {
    const batch = reader.read({ maxBytes, upToSeq });
    records.push(...batch.records);
    gaps.push(...batch.gaps);
    if (batch.records.length === 0 && batch.gaps.length === 0) {
      return { records, gaps, counts: batch.counts, lastSeq: batch.lastSeq };
    }
  }
}

/** Appends entries `<prefix>1` to `<prefix><count>` together and waits for all. */
export async function appendMany(
  journal: Journal,
  count: number,
  { prefix = "r", bytes = 40 } = {},
): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => journal.append(entry(`${prefix}${index + 1}`, { bytes }))),
  );
}
