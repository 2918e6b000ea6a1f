import { RECORD_TYPES, UNKNOWN_RECORDS_TABLE } from "../../schema/index.js";
import { sqlIdentifier, sqlString } from "../views/sql-text.js";

/** Columns that every table of records has, with the type's name: enough to write the change anew. */
export const CHANGE_COLUMNS = [
  "type",
  "id",
  "op",
  "time",
  "source",
  "data",
  "more",
  "received_at",
  "seq",
  "seq_index",
] as const;

/** {@link CHANGE_COLUMNS} of a relation that has the columns of a record table. */
export function changesOf(table: string, relation: string): string {
  const type =
    table === UNKNOWN_RECORDS_TABLE
      ? "type"
      : sqlString(RECORD_TYPES.find((each) => each.table === table)?.type ?? table);
  const rest = CHANGE_COLUMNS.filter((name) => name !== "type").map(sqlIdentifier);
  return `SELECT ${type} AS type, ${rest.join(", ")} FROM ${relation}`;
}

/** What makes a change the same change in two places, besides when it was received. */
export const CHANGE_IDENTITY = ["type", "id", "op", "time", "source", "data", "more"] as const;
