import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isTelemetryTable } from "../../schema/index.js";
import { openEngine } from "../seal/table-writer.js";
import { sqlIdentifier } from "../views/sql-text.js";
import type { BundleTable } from "./manifest.js";
import { BundleReader, type VerifiedBundle } from "./read-bundle.js";
import { bundleColumns } from "./tables.js";

/** How one table differs between two bundles. */
export interface TableDifference {
  readonly table: string;
  /** Rows in the first and in the second bundle, and those in one of them alone, by their place. */
  readonly first: number;
  readonly second: number;
  readonly unmatched: number;
  /** Rows whose value differs, by column. */
  readonly columns: Readonly<Record<string, number>>;
  /** Whether all of it is in columns of `spans` that rules or prices derive, in rows that another rule set filled. */
  readonly onlyDerived: boolean;
}

/** How two bundles differ: not at all when there is no table. */
export interface BundleDifference {
  readonly tables: readonly TableDifference[];
}

/** Columns of `spans` that hold what was sent, whatever the rules were: the rest is derived from it. */
const SENT = new Set([
  "trace_id",
  "span_id",
  "parent_span_id",
  "name",
  "kind",
  "start_time",
  "end_time",
  "status_code",
  "status_message",
  "events",
  "links",
  "flags",
  "trace_state",
  "resource_attributes",
  "resource_extra",
  "scope",
  "source",
  "received_at",
  "raw",
]);

/** Compares two bundles: by checksums, and where these differ row by row. Throws CF_BUNDLE_INVALID for a broken one. */
export async function compareBundles(
  first: VerifiedBundle,
  second: VerifiedBundle,
): Promise<BundleDifference> {
  const names = first.manifest.tables.map(({ name }) => name);
  const more = second.manifest.tables.map(({ name }) => name).filter((name) => !names.includes(name));
  const changed = [...names, ...more].filter(
    (name) => JSON.stringify(tableOf(first, name)) !== JSON.stringify(tableOf(second, name)),
  );
  if (changed.length === 0) return { tables: [] };
  const work = await mkdtemp(join(tmpdir(), "counterfoil-compare-"));
  const instance = await openEngine(work);
  const connection = await instance.connect();
  try {
    const readers = [new BundleReader(first, connection), new BundleReader(second, connection)] as const;
    const tables: TableDifference[] = [];
    for (const name of changed) tables.push(await compareTable(name, readers));
    return { tables };
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(work, { recursive: true, force: true });
  }
}

function tableOf({ manifest }: Pick<VerifiedBundle, "manifest">, name: string): BundleTable | undefined {
  return manifest.tables.find((table) => table.name === name);
}

/** All rows of a table, with the file that they are in: places are counted within a file. */
function allRows(reader: BundleReader, name: string): string {
  const table = tableOf(reader, name);
  const parts = (table?.files ?? []).map(
    (part) => `SELECT '${part.path}' AS file, * FROM ${reader.relation(table as BundleTable, part)}`,
  );
  const nulls = bundleColumns(name).map(
    (column) => `CAST(NULL AS ${column.type}) AS ${sqlIdentifier(column.name)}`,
  );
  parts.push(`SELECT '' AS file, ${nulls.join(", ")} WHERE false`);
  return `(${parts.join(" UNION ALL ")})`;
}

async function compareTable(
  name: string,
  [first, second]: readonly [BundleReader, BundleReader],
): Promise<TableDifference> {
  const columns = bundleColumns(name).map((column) => column.name);
  const isSpans = name === "spans";
  // Readings of telemetry have no place; their ids are computed.
  const same = isTelemetryTable(name)
    ? "a.file = b.file AND a.seq = b.seq AND a.seq_index = b.seq_index"
    : "a.seq IS NOT DISTINCT FROM b.seq AND a.seq_index IS NOT DISTINCT FROM b.seq_index AND (a.seq IS NOT NULL OR a.id = b.id)";
  const differs = (column: string): string =>
    `a.${sqlIdentifier(column)} IS DISTINCT FROM b.${sqlIdentifier(column)}`;
  const counted = columns.map((column) => `count(*) FILTER (${differs(column)}) AS ${sqlIdentifier(column)}`);
  const derived = isSpans
    ? `count(*) FILTER (a.rule_set_version = b.rule_set_version AND (${columns.map(differs).join(" OR ")}))`
    : "1";
  const found = await first.compared(
    `SELECT count(*) AS matched, ${derived} AS same_rules, ${counted.join(", ")}
     FROM ${allRows(first, name)} AS a JOIN ${allRows(second, name)} AS b ON ${same}`,
  );
  const [matched = 0, sameRules = 0, ...counts] = found.map(Number);
  const rows = [first, second].map((reader) => tableOf(reader, name)?.rows ?? 0);
  const [inFirst = 0, inSecond = 0] = rows;
  const changes = Object.fromEntries(
    columns.map((column, index) => [column, counts[index] ?? 0] as const).filter(([, count]) => count > 0),
  );
  const unmatched = inFirst + inSecond - 2 * matched;
  const onlyDerived =
    isSpans && unmatched === 0 && sameRules === 0 && !Object.keys(changes).some((column) => SENT.has(column));
  return { table: name, first: inFirst, second: inSecond, unmatched, columns: changes, onlyDerived };
}
