import { type Command } from "commander";
import { isMapped } from "../../schema/index.js";
import { type Io, terminalWidth, write } from "../io.js";
import { pointInTime, requireDataDir, wholeNumber, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { formatCount } from "../output/values.js";
import { mirrorRows, rowsToJson } from "../query.js";
import { sqlTime } from "../trace-queries.js";

const LIMIT = 50;
const LIMIT_MAX = 10_000;
/** Names read from the mirror before those that a rule reads are left out. */
const NAMES_MAX = 20_000;

interface CoverageOptions {
  readonly dataDir: string;
  readonly since?: Date;
  readonly limit: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

interface NameRow {
  readonly attribute: string;
  readonly spans: number | string;
  readonly dialects: string | null;
  readonly example_span_id: string;
}

/** `coverage`: which attributes of GenAI spans no rule reads, over the whole mirror. */
export function addCoverageCommand(program: Command, io: Io): void {
  withDataDir(program.command("coverage"))
    .description("list the attributes of GenAI spans that no rule of any dialect reads")
    .option("--since <time>", "started at or after: ISO time, date, or how long ago (2h, 7d)", pointInTime)
    .option("--limit <n>", "at most this many", wholeNumber(1, LIMIT_MAX), LIMIT)
    .option("--all", "also those that a rule reads but that are kept in `attributes` as well")
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Numbers inside names stand as N: llm.tools.N.tool.json_schema. All these attributes are kept raw in \`attributes\`.

Examples:
  counterfoil coverage
  counterfoil coverage --since 7d --limit 20 --json`,
    )
    .action((options: CoverageOptions) => coverage(options, io));
}

async function coverage(options: CoverageOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const since = options.since === undefined ? "" : ` AND start_time >= ${sqlTime(options.since)}`;
  const rows = await mirrorRows<NameRow>(
    io,
    options.dataDir,
    `SELECT regexp_replace(key, '\\.\\d+(\\.|$)', '.N\\1', 'g') AS attribute, count(DISTINCT (trace_id, span_id)) AS spans,
  any_value(dialect) AS dialects, any_value(span_id) AS example_span_id
FROM (SELECT trace_id, span_id, dialect, unnest(map_keys(attributes)) AS key FROM spans WHERE dialect IS NOT NULL${since})
GROUP BY attribute ORDER BY spans DESC, attribute LIMIT ${NAMES_MAX}`,
  );
  const mapped = (name: string): boolean => isMapped(name.replaceAll(/\.N(?=\.|$)/g, ".0"));
  const listed = rows
    .map((row) => ({ ...row, mapped: mapped(row.attribute) }))
    .filter((row) => options.all === true || !row.mapped)
    .slice(0, options.limit);
  if (options.json === true) return write(io.stdout, `${rowsToJson(listed, 2)}\n`);
  if (listed.length === 0) {
    await write(io.stderr, "Every attribute of every GenAI span is read by some rule.\n");
    return undefined;
  }
  return write(
    io.stdout,
    renderTable({
      columns: [
        { name: "attribute" },
        { name: "spans", align: "right" },
        { name: "read" },
        { name: "dialects" },
        { name: "example span" },
      ],
      rows: listed.map((row) => [
        row.attribute,
        formatCount(Number(row.spans)),
        row.mapped ? "yes" : "no",
        row.dialects ?? "",
        row.example_span_id,
      ]),
      width: terminalWidth(io),
      heading: io.paint.bold,
    }),
  );
}
