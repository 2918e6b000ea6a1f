import { randomUUID } from "node:crypto";
import {
  type ChangeRecord,
  checkRecord,
  type CheckOptions,
  CounterfoilError,
  encodeRecords,
  type JournalSignal,
  RECORD_CHANGES_MAX,
  recordTypeOf,
  timeToUnixNano,
  uuidOf,
} from "../../schema/index.js";

/** So much of a wrong id is told, characters. */
const ID_SHOWN_MAX = 100;

/** A change as a caller gives it: without a time it is now, without an id a put is of something new. */
export type RecordDraft = Pick<ChangeRecord, "type" | "op" | "data"> & Partial<ChangeRecord>;

/** What a {@link RecordWriter} writes to; an API's host is one. */
export interface RecordSink {
  /** Resolves with the seq once the entry is on disk (I1). */
  append(entry: {
    readonly signal: Extract<JournalSignal, "records">;
    readonly payload: Uint8Array;
    readonly itemCount: number;
    readonly receiver: string;
  }): Promise<number>;
  /** Resolves when the mirror shows everything up to `seq`. Throws CF_SEAL_FAILED after the deadline. */
  sealed(seq: number, deadlineMs: number): Promise<void>;
}

/** What was written: where it is in the journal, and the changes with their ids and times. */
export interface WrittenRecords {
  readonly seq: number;
  readonly changes: readonly ChangeRecord[];
}

/** Writes changes of feedback, prices, ... (invariant I5). They reach every destination as the journal's records do. */
export interface RecordWriter {
  /**
   * Makes the changes durable, all or none, in the order given; they take effect together. Throws CF_RECORD_INVALID for
   * data that breaks its type's rules, CF_USAGE for none or too many, and as the journal's `append`.
   */
  append(drafts: readonly RecordDraft[], options?: CheckOptions): Promise<WrittenRecords>;
  /** Resolves when the mirror shows everything up to `seq`: read what you wrote. Throws CF_SEAL_FAILED. */
  sealed(seq: number, deadlineMs: number): Promise<void>;
}

/** A writer whose records carry `source` (`api`, `langsmith`, `import`, ...), also the label of the receivers' counters. */
export function createRecordWriter(
  sink: RecordSink,
  { source, now = () => new Date() }: { readonly source: string; readonly now?: () => Date },
): RecordWriter {
  return {
    append: async (drafts, options) => {
      if (drafts.length === 0 || drafts.length > RECORD_CHANGES_MAX) {
        const limit = `1 to ${RECORD_CHANGES_MAX} changes go in at once`;
        throw new CounterfoilError("CF_USAGE", `Got ${drafts.length} changes; ${limit}.`);
      }
      const time = now().toISOString();
      const changes = drafts.map((draft, index) => {
        const change = { id: randomUUID(), time, source, ...draft };
        checkChange(change, drafts.length === 1 ? "" : `Change ${index + 1} of ${drafts.length}: `, options);
        return change;
      });
      const payload = encodeRecords(changes);
      const itemCount = changes.length;
      return { seq: await sink.append({ signal: "records", payload, itemCount, receiver: source }), changes };
    },
    sealed: (seq, deadlineMs) => sink.sealed(seq, deadlineMs),
  };
}

function checkChange(change: ChangeRecord, where: string, options: CheckOptions | undefined): void {
  const { type, id, op, time, data } = change;
  const known = recordTypeOf(type);
  const problem =
    known === undefined
      ? `there is no type of record "${type}"`
      : id === ""
        ? "id is empty"
        : op === "put" && known.hasUuid === true && uuidOf(id) === undefined
          ? `the id of a ${type} must be a UUID, got ${JSON.stringify(id.slice(0, ID_SHOWN_MAX))}`
          : timeToUnixNano(time) === undefined
            ? `time must be like 2026-11-23T10:00:00Z, got ${JSON.stringify(time)}`
            : (op === "put") === (data === null)
              ? "a put has data, and a delete has none"
              : undefined;
  if (problem !== undefined) throw new CounterfoilError("CF_RECORD_INVALID", `${where}${problem}.`);
  if (known === undefined || data === null) return;
  try {
    checkRecord(known, data, options);
  } catch (error) {
    if (where === "" || !(error instanceof CounterfoilError)) throw error;
    throw new CounterfoilError(error.code, `${where}${error.message}`, { cause: error });
  }
}
