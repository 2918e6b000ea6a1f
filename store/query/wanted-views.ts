import { TELEMETRY_TABLES } from "../../schema/columns.js";
import { DERIVED_VIEWS } from "../views/derived-views.js";
import { RECORD_VIEWS } from "../views/record-views.js";
import { firstWord } from "./statement-gate.js";

/**
 * Which views a statement needs. DuckDB binds a view when it is made, to all files, and again wherever it is used: with
 * a hundred files, making all of them takes longer than many a query.
 */

const VIEWS: readonly string[] = [
  ...TELEMETRY_TABLES,
  "traces",
  ...DERIVED_VIEWS.map(({ name }) => name),
  ...RECORD_VIEWS.map(({ name }) => name),
];
/** Statements and functions that list what there is. DESC is one of them unless it ends an ORDER BY. */
const LISTS = /\b(?:describe|information_schema|(?:duckdb|pg|sqlite|pragma)_\w*|\w*show\w*)\b|\(\s*desc\b/i;

/**
 * Whether a view may be needed by this SQL, or undefined when all are. It goes by the words of the text: a view too
 * many costs time, and one too few is a catalog error, after which the caller makes them all.
 */
export function wantedViews(sql: string): ((view: string) => boolean) | undefined {
  if (LISTS.test(sql) || firstWord(sql).word === "DESC") return undefined;
  const words = new Set(sql.toLowerCase().match(/\w+/g));
  const wanted = new Set(VIEWS.filter((name) => words.has(name)));
  if (wanted.has("threads")) wanted.add("traces");
  // Every view derived from them reads `spans`.
  if (
    ["traces", ...DERIVED_VIEWS.map(({ name }) => name)].some((name) => name !== "ago" && wanted.has(name))
  ) {
    wanted.add("spans");
  }
  for (const { name, uses } of [...RECORD_VIEWS].reverse()) {
    if (wanted.has(name)) for (const view of uses) wanted.add(view);
  }
  return (view) => wanted.has(view);
}
