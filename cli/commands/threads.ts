import { type Command } from "commander";
import { type Io, terminalWidth, write } from "../io.js";
import { pointInTime, requireDataDir, wholeNumber, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { formatCount, formatUsd } from "../output/values.js";
import { mirrorRows, rowsToJson } from "../query.js";
import { type ThreadFilter, type ThreadRow, threadsListSql } from "../trace-queries.js";

const LIST_LIMIT = 20;
const LIST_LIMIT_MAX = 10_000;

interface ListOptions extends ThreadFilter {
  readonly dataDir: string;
  readonly json?: boolean;
}

/** `threads list`. */
export function addThreadsCommand(program: Command, io: Io): void {
  const threads = program.command("threads").description("list threads: conversations of several traces");
  withDataDir(threads.command("list"))
    .description("list threads, the last active first")
    .option("--project <name>", "only this LangSmith project")
    .option("--since <time>", "active at or after: ISO time, date, or how long ago (2h, 7d)", pointInTime)
    .option("--limit <n>", "at most this many", wholeNumber(1, LIST_LIMIT_MAX), LIST_LIMIT)
    .option("--json", "print a JSON array, with each thread's first input and last output")
    .addHelpText(
      "after",
      `
Examples:
  counterfoil threads list --since 1d
  counterfoil threads list --project support --json`,
    )
    .action((options: ListOptions) => list(options, io));
}

async function list(options: ListOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const rows = await mirrorRows<ThreadRow>(
    io,
    options.dataDir,
    threadsListSql(options, options.json === true),
  );
  if (options.json) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) {
    await write(io.stderr, "No threads match.\n");
    return undefined;
  }
  const right = { align: "right" } as const;
  return write(
    io.stdout,
    renderTable({
      columns: [
        { name: "thread" },
        { name: "project" },
        { name: "last active (UTC)" },
        { name: "traces", ...right },
        { name: "errors", ...right },
        { name: "tokens", ...right },
        { name: "cost", ...right },
        { name: "status" },
      ],
      rows: rows.map(cells),
      width: terminalWidth(io),
      heading: io.paint.bold,
    }),
  );
}

function cells(row: ThreadRow): string[] {
  return [
    row.thread_id,
    row.project ?? "",
    (row.last_active ?? "").slice(0, 19).replace("T", " "),
    formatCount(Number(row.trace_count)),
    Number(row.error_count) === 0 ? "" : formatCount(Number(row.error_count)),
    row.total_tokens === null ? "" : formatCount(Number(row.total_tokens)),
    row.cost_usd === null ? "" : formatUsd(row.cost_usd),
    row.status,
  ];
}
