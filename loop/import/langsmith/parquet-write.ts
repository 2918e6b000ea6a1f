import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import {
  IMPORT_RESPONSE_BYTES_MAX,
  type RunFields,
  type RunValue,
  writeRunJson,
} from "../../../schema/index.js";
import { dataDirPaths, openFileEngine, sqlString } from "../../../store/index.js";
import { objectsIn } from "./import-run.js";
import { listProjects } from "./projects.js";
import type { SourceProject } from "./run-pages.js";
import { objectIn, V2_SELECTS } from "./run-shape.js";
import type { LangSmithSource } from "./source.js";

/** What to write: the runs of a server that speaks LangSmith's API. */
export interface ParquetWriteOptions {
  readonly source: LangSmithSource;
  /** Must exist or be creatable; gets `export_id=.../` below it. */
  readonly folder: string;
  readonly exportId: string;
  readonly tenantId: string;
  /** Spills below this data directory. */
  readonly dataDir: string;
  readonly projects?: readonly string[] | undefined;
  readonly since?: Date | undefined;
  readonly now?: () => Date;
  readonly onProgress?: (project: string, runs: number) => void;
}

/** Columns of LangSmith's bulk export, in its order, as DuckDB types. JSON is text. */
const COLUMNS: readonly (readonly [name: string, type: string])[] = [
  ["id", "VARCHAR"],
  ["tenant_id", "VARCHAR"],
  ["session_id", "VARCHAR"],
  ["trace_id", "VARCHAR"],
  ["parent_run_id", "VARCHAR"],
  ["parent_run_ids", "VARCHAR[]"],
  ["reference_example_id", "VARCHAR"],
  ["name", "VARCHAR"],
  ["run_type", "VARCHAR"],
  ["start_time", "TIMESTAMP"],
  ["end_time", "TIMESTAMP"],
  ["status", "VARCHAR"],
  ["is_root", "BOOLEAN"],
  ["dotted_order", "VARCHAR"],
  ["trace_tier", "VARCHAR"],
  ["inputs", "VARCHAR"],
  ["outputs", "VARCHAR"],
  ["error", "VARCHAR"],
  ["extra", "VARCHAR"],
  ["events", "VARCHAR"],
  ["tags", "VARCHAR[]"],
  ["feedback_stats", "VARCHAR"],
  ["total_tokens", "BIGINT"],
  ["prompt_tokens", "BIGINT"],
  ["completion_tokens", "BIGINT"],
  ["total_cost", "DOUBLE"],
  ["prompt_cost", "DOUBLE"],
  ["completion_cost", "DOUBLE"],
  ["first_token_time", "TIMESTAMP"],
];
const JSON_COLUMNS = new Set(["inputs", "outputs", "extra", "events", "feedback_stats"]);
const LINE_BYTES_MAX = IMPORT_RESPONSE_BYTES_MAX;
const PAGE = 1_000;
const EARLIEST = "1970-01-01T00:00:01Z";

/**
 * Writes runs as LangSmith's bulk export does: the same columns, Parquet with zstd, and the partitions
 * `export_id=/tenant_id=/session_id=/runs/year=/month=/day=`, so that existing queries run on it. Gives the number of runs
 * by project. Throws CF_IMPORT_FAILED when the server does not answer, CF_QUERY_FAILED when the folder can't be written.
 */
export async function writeParquetRuns(
  options: ParquetWriteOptions,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  const engine = await openFileEngine(options.dataDir);
  const lines = join(dataDirPaths(options.dataDir).temp, `runs-${process.pid}.jsonl`);
  try {
    for (const project of await listProjects(options)) {
      const count = await writeLines(options, project, lines);
      counts[project.name] = count;
      if (count > 0) await engine.run(copySql(lines, options, project.id));
    }
  } finally {
    engine.close();
    rmSync(lines, { force: true });
  }
  return counts;
}

async function writeLines(
  options: ParquetWriteOptions,
  project: SourceProject,
  path: string,
): Promise<number> {
  const { source, since, now = () => new Date(), onProgress } = options;
  const file = openSync(path, "w", 0o600);
  let count = 0;
  let cursor: unknown;
  try {
    do {
      const answer = objectIn(
        await source.queryRuns("/api/v2/runs/query", {
          project_ids: [project.id],
          min_start_time: since?.toISOString() ?? EARLIEST,
          max_start_time: now().toISOString(),
          selects: [...V2_SELECTS, "IS_ROOT"],
          page_size: PAGE,
          ...(typeof cursor === "string" ? { cursor } : {}),
        }),
      );
      const items = objectsIn(answer?.["items"]);
      for (const item of items)
        writeSync(file, `${lineOf(item as unknown as RunFields, options.tenantId)}\n`);
      count += items.length;
      onProgress?.(project.name, count);
      cursor = answer?.["next_cursor"];
    } while (typeof cursor === "string");
  } finally {
    closeSync(file);
  }
  return count;
}

/** A run as a row of the export, as JSON. */
function lineOf(item: RunFields, tenantId: string): string {
  const parents = item["parent_run_ids"];
  const row: RunFields = {
    ...item,
    tenant_id: tenantId,
    session_id: item["project_id"] ?? null,
    parent_run_id: Array.isArray(parents) ? (parents.at(-1) ?? null) : null,
    run_type: lower(item["run_type"]),
    status: lower(item["status"]),
    trace_tier: "longlived",
  };
  const fields = COLUMNS.map(([name]): [string, RunValue] => {
    const value = row[name] ?? null;
    if (value === null || !JSON_COLUMNS.has(name)) return [name, value];
    return [name, writeRunJson(value)];
  });
  return writeRunJson(Object.fromEntries(fields));
}

function lower(value: RunValue | undefined): RunValue {
  return typeof value === "string" ? value.toLowerCase() : null;
}

function copySql(
  lines: string,
  { folder, exportId, tenantId }: ParquetWriteOptions,
  session: string,
): string {
  const columns = COLUMNS.map(([name, type]) => {
    if (type === "TIMESTAMP")
      return `CAST(CAST(${name} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS ${name}`;
    return `CAST(${name} AS ${type}) AS ${name}`;
  });
  const types = COLUMNS.map(([name, type]) => `'${name}': '${type.endsWith("[]") ? type : "VARCHAR"}'`);
  const to = join(folder, `export_id=${exportId}`, `tenant_id=${tenantId}`, `session_id=${session}`, "runs");
  mkdirSync(to, { recursive: true, mode: 0o700 });
  return `COPY (
  SELECT ${columns.join(", ")}, year(CAST(start_time AS TIMESTAMP)) AS year, month(CAST(start_time AS TIMESTAMP)) AS month, day(CAST(start_time AS TIMESTAMP)) AS day
  FROM read_json(${sqlString(lines)}, format = 'newline_delimited', maximum_object_size = ${LINE_BYTES_MAX}, columns = {${types.join(", ")}})
) TO ${sqlString(to)} (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (year, month, day), OVERWRITE_OR_IGNORE)`;
}
