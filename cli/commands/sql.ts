import { type Writable } from "node:stream";
import { type Command, Option } from "commander";
import {
  csvLine,
  QUERY_BYTES_MAX,
  QUERY_MEMORY_MB,
  QUERY_ROWS_IN_MEMORY_MAX,
  QUERY_ROWS_MAX,
  QUERY_TIMEOUT_MS,
} from "../../schema/index.js";
import { QUERY_FORMATS, type QueryFormat, type QueryResult, runQuery } from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, terminalWidth, write } from "../io.js";
import { byteSize, durationMs, requireDataDir, wholeNumber, withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { renderTable } from "../output/table.js";
import { inertStream } from "../output/text.js";
import { formatCount } from "../output/values.js";
import { untilAborted, warn } from "../query.js";

const MEBIBYTE = 1024 * 1024;
const NUMERIC = /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|UINTEGER|DOUBLE|FLOAT|DECIMAL.*)$/;

interface SqlOptions {
  readonly dataDir: string;
  readonly format: QueryFormat;
  readonly out?: string;
  readonly maxRows?: number;
  readonly timeout?: number;
  readonly memory?: number;
  readonly csvSafe?: boolean;
}

/** `sql`: a user's query over the mirror, in a child process with limits (invariant I8). */
export function addSqlCommand(program: Command, io: Io): void {
  withDataDir(program.command("sql"))
    .description("run one SQL query over the mirror, with or without a running server")
    .argument("<query>", "one SELECT, DESCRIBE, SUMMARIZE or EXPLAIN; - reads it from standard input")
    .addOption(
      new Option("--format <format>", "how to print the result").choices(QUERY_FORMATS).default("table"),
    )
    .option("--out <file>", "write the result to a file instead of standard output")
    .option(
      "--max-rows <n>",
      `stop after this many rows (otherwise ${formatCount(QUERY_ROWS_IN_MEMORY_MAX)} for table and --csv-safe, else ${formatCount(QUERY_ROWS_MAX)})`,
      wholeNumber(1, QUERY_ROWS_MAX),
    )
    .addOption(
      new Option("--timeout <duration>", "stop the query after this long")
        .argParser(durationMs)
        .default(QUERY_TIMEOUT_MS, `${QUERY_TIMEOUT_MS / 1000}s`),
    )
    .addOption(
      new Option("--memory <size>", "memory that the query may use")
        .argParser(byteSize)
        .default(QUERY_MEMORY_MB * MEBIBYTE, `${QUERY_MEMORY_MB}MiB`),
    )
    .option("--csv-safe", "with --format csv: make cells inert that a spreadsheet would run as formulas")
    .addHelpText(
      "after",
      `
Views: spans, traces, threads, messages, llm_calls, tool_calls, span_logs, metric_points.

Examples:
  counterfoil sql "SELECT name, error_count, cost_usd FROM traces ORDER BY start_time DESC LIMIT 10"
  counterfoil sql "DESCRIBE spans"
  counterfoil sql --format parquet --out week.parquet "SELECT * FROM spans WHERE start_time > ago(INTERVAL 7 DAY)"
  counterfoil sql --format arrow "SELECT * FROM traces" | python -c "import sys, pyarrow.ipc as ipc; print(ipc.open_stream(sys.stdin.buffer).read_pandas())"
  echo "SELECT count(*) FROM spans" | counterfoil sql --format jsonl -`,
    )
    .action((query: string, options: SqlOptions) => sql(query, options, io));
}

async function sql(query: string, options: SqlOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  if (options.csvSafe && options.format !== "csv") {
    throw new CommandError(EXIT.usage, "--csv-safe goes with --format csv.");
  }
  const isBinary = options.format === "parquet" || options.format === "arrow";
  if (isBinary && options.out === undefined && io.stdout.isTTY) {
    throw new CommandError(
      EXIT.usage,
      `The format ${options.format} is binary: name a file with --out, or redirect the output.`,
    );
  }
  const text = query === "-" ? await readAll(io) : query;
  const progress = createProgress({ label: "query", stream: io.stderr });
  let result: QueryResult;
  try {
    result = await untilAborted(io.signal, run(text, options, io));
  } finally {
    progress.end();
  }
  await warn(io, result.warnings);
  const rows = `${formatCount(result.rowCount)} row${result.rowCount === 1 ? "" : "s"}`;
  if (result.truncated) {
    await write(
      io.stderr,
      `Only the first ${rows} are there; raise --max-rows for more, or narrow the query.\n`,
    );
  } else if (options.out !== undefined) {
    await write(io.stderr, `Wrote ${rows} to ${options.out}.\n`);
  } else if (options.format === "table" && io.stdout.isTTY) {
    await write(io.stdout, io.paint.dim(`${rows}\n`));
  }
}

async function run(text: string, options: SqlOptions, io: Io): Promise<QueryResult> {
  const base = {
    dataDir: options.dataDir,
    sql: text,
    ...(options.maxRows === undefined ? {} : { rowsMax: options.maxRows }),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    ...(options.memory === undefined ? {} : { memoryMb: Math.max(1, Math.floor(options.memory / MEBIBYTE)) }),
  };
  const isText = options.format === "table" || options.csvSafe === true;
  if (!isText) {
    return runQuery({ ...base, format: options.format, output: options.out ?? standardOutput(io) });
  }
  const result = await runQuery({ ...base, format: "table" });
  const printed = options.csvSafe
    ? safeCsv(result)
    : table(result, options.out === undefined ? terminalWidth(io) : undefined, io);
  if (options.out === undefined) await write(io.stdout, printed);
  else await writeResult(options.out, printed);
  return result;
}

function standardOutput(io: Io): Writable {
  if (!io.stdout.isTTY) return io.stdout;
  const filter = inertStream();
  filter.pipe(io.stdout, { end: false });
  return filter;
}

function table(result: QueryResult, width: number | undefined, io: Io): string {
  return renderTable({
    columns: result.columns.map(({ name, type }) => ({ name, align: NUMERIC.test(type) ? "right" : "left" })),
    rows: (result.rows ?? []).map((row) => row.map((cell) => cell ?? "NULL")),
    width,
    heading: io.paint.bold,
  });
}

function safeCsv(result: QueryResult): string {
  const heading = csvLine(
    result.columns.map(({ name }) => name),
    { formulaSafe: true },
  );
  return heading + (result.rows ?? []).map((row) => csvLine(row, { formulaSafe: true })).join("");
}

async function writeResult(path: string, text: string): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(path, text, { mode: 0o600 });
}

async function readAll(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    const buffer = Buffer.from(chunk as Uint8Array);
    bytes += buffer.length;
    if (bytes > QUERY_BYTES_MAX)
      throw new CommandError(EXIT.usage, "The query on standard input is over 1 MiB.");
    chunks.push(buffer);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (text.trim() === "") throw new CommandError(EXIT.usage, "There is no query on standard input.");
  return text;
}
