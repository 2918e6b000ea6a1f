import { type JsonObject, RECORD_CHANGES_MAX } from "../../schema/index.js";
import type { RecordDraft, RecordWriter, SqlParameter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { textIn } from "./text-in.js";

/** What goes, and how what belongs to it is found. */
export interface Removal {
  readonly whole: { readonly type: string; readonly id: string };
  /** Type of what belongs to it. */
  readonly partType: string;
  /** A SELECT of the ids of parts that are there. */
  readonly partIdsSql: string;
  readonly params: readonly SqlParameter[];
  /** The last state of the thing, written right before it goes: for whoever must know more of it than its id. */
  readonly last?: JsonObject;
  /** Of all changes, so that they are one version. RFC 3339; without it each is dated as it is written. */
  readonly time?: string;
}

/**
 * Deletes a thing with its parts: as one change when they fit into one, else the parts first and the thing in the last
 * change. So a crash between leaves the thing there, and deleting it again ends the work.
 */
export async function removeWhole(
  { rows, writer }: { readonly rows: Rows; readonly writer: RecordWriter },
  { whole, partType, partIdsSql, params, time, last }: Removal,
): Promise<void> {
  const dated = time === undefined ? {} : { time };
  const farewell: RecordDraft[] = last === undefined ? [] : [{ ...whole, op: "put", data: last, ...dated }];
  const most = RECORD_CHANGES_MAX - 1 - farewell.length;
  for (;;) {
    const found = await rows(`SELECT id FROM (${partIdsSql}) ORDER BY id LIMIT ${most}`, params);
    const gone = found.map((row): RecordDraft => ({
      type: partType,
      id: textIn(row, "id"),
      op: "delete",
      data: null,
      ...dated,
    }));
    if (gone.length < most) {
      await writer.append([...gone, ...farewell, { ...whole, op: "delete", data: null, ...dated }]);
      return;
    }
    await writer.append(gone);
  }
}
