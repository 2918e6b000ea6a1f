import { type Command, Option } from "commander";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, terminalWidth, write } from "../io.js";
import { pointInTime, requireDataDir, shown, wholeNumber, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { formatTraceState, type StateSpan, traceStateOf } from "../output/trace-state.js";
import { renderTraceTree, type TreeSpan } from "../output/trace-tree.js";
import { formatCount, formatDurationNs, formatUsd } from "../output/values.js";
import { mirrorRows, rowsToJson } from "../query.js";
import {
  CANDIDATES_MAX,
  findTraceSql,
  type TraceFilter,
  type TraceRow,
  traceSpansSql,
  tracesListSql,
  wholeTraceId,
} from "../trace-queries.js";

const LIST_LIMIT = 20;
/** Digits of a trace id that tell millions of traces apart. */
const SHORT_ID = 12;
const LIST_LIMIT_MAX = 10_000;
/** Spans of one trace that are read; a larger trace is cut, and says so. */
const SPANS_MAX = 10_000;

interface ListOptions extends TraceFilter {
  readonly dataDir: string;
  readonly json?: boolean;
}

interface ShowOptions {
  readonly dataDir: string;
  readonly json?: boolean;
  readonly content: boolean;
  readonly full?: boolean;
}

/** `traces list` and `traces show`. */
export function addTracesCommand(program: Command, io: Io): void {
  const traces = program.command("traces").description("list traces, or show one as a tree");
  withDataDir(traces.command("list"))
    .description("list traces, newest first")
    .option("--project <name>", "only this LangSmith project")
    .option("--service <name>", "only this service.name")
    .option("--thread <id>", "only this thread (conversation, session)")
    .option("--since <time>", "started at or after: ISO time, date, or how long ago (2h, 7d)", pointInTime)
    .option("--until <time>", "started before: ISO time, date, or how long ago", pointInTime)
    .addOption(
      new Option(
        "--status <status>",
        "error: some span failed; ok: none did; pending: the root has not ended; incomplete: a span or its end is missing",
      ).choices(["ok", "error", "pending", "incomplete"]),
    )
    .option("--limit <n>", "at most this many", wholeNumber(1, LIST_LIMIT_MAX), LIST_LIMIT)
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Examples:
  counterfoil traces list --status error --since 2h
  counterfoil traces list --project support --limit 5 --json`,
    )
    .action((options: ListOptions) => list(options, io));
  withDataDir(traces.command("show"))
    .description("show one trace as a tree: durations, tokens, cost, errors and messages")
    .argument("<id>", "trace id or its first digits, span id, or LangSmith run id")
    .option("--json", "print the spans as a JSON array")
    .option("--no-content", "leave out prompts, answers and tool data")
    .option("--full", "print content whole instead of its first line")
    .addHelpText(
      "after",
      `
Examples:
  counterfoil traces show 4bf92f35
  counterfoil traces show 4bf92f3577b34da6a3ce929d0e0e4736 --full
  counterfoil traces show 4bf92f35-77b3-4da6-a3ce-929d0e0e4736 --no-content   # the LangSmith run id`,
    )
    .action((id: string, options: ShowOptions) => show(id, options, io));
}

async function list(options: ListOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const rows = await mirrorRows<TraceRow>(io, options.dataDir, tracesListSql(options));
  if (options.json) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) {
    await write(io.stderr, "No traces match.\n");
    return undefined;
  }
  const right = { align: "right" } as const;
  return write(
    io.stdout,
    renderTable({
      columns: [
        { name: "trace" },
        { name: "started (UTC)" },
        { name: "name" },
        { name: "service" },
        { name: "time", ...right },
        { name: "spans", ...right },
        { name: "errors", ...right },
        { name: "tokens", ...right },
        { name: "cost", ...right },
        { name: "state" },
      ],
      rows: rows.map((row) => listCells(row, terminalWidth(io) !== undefined)),
      width: terminalWidth(io),
      heading: io.paint.bold,
    }),
  );
}

/** On a terminal, ids are cut to the digits that `traces show` needs: whole ones would push out the rest. */
function listCells(row: TraceRow, short: boolean): string[] {
  const tokens =
    row.input_tokens === null && row.output_tokens === null
      ? ""
      : `${formatCount(Number(row.input_tokens ?? 0))} → ${formatCount(Number(row.output_tokens ?? 0))}`;
  return [
    short ? row.trace_id.slice(0, SHORT_ID) : row.trace_id,
    (row.start_time ?? "").slice(0, 19).replace("T", " "),
    row.name ?? "(root span not here yet)",
    row.service_name ?? "",
    row.duration_ns === null ? "" : formatDurationNs(Number(row.duration_ns)),
    formatCount(Number(row.span_count)),
    Number(row.error_count) === 0 ? "" : formatCount(Number(row.error_count)),
    tokens,
    row.cost_usd === null ? "" : formatUsd(row.cost_usd),
    formatTraceState(row),
  ];
}

type ShownSpan = TreeSpan & StateSpan & { readonly service_name: string | null };

async function show(id: string, options: ShowOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const spansOf = (trace: string): Promise<ShownSpan[]> =>
    mirrorRows<ShownSpan>(io, options.dataDir, traceSpansSql(trace, options.content, SPANS_MAX));
  let traceId = wholeTraceId(id);
  let spans = traceId === undefined ? [] : await spansOf(traceId);
  if (traceId === undefined || spans.length === 0) {
    traceId = await findTrace(id, options.dataDir, io);
    spans = await spansOf(traceId);
  }
  if (options.json) return write(io.stdout, `${rowsToJson(spans, 2)}\n`);
  const failed = spans.filter((span) => span.status_code === "ERROR").length;
  const count = `${formatCount(spans.length)} span${spans.length === 1 ? "" : "s"}`;
  const errors = failed === 0 ? "" : `, ${formatCount(failed)} failed`;
  const tree = renderTraceTree(spans, {
    paint: io.paint,
    width: terminalWidth(io),
    content: options.content,
    full: options.full ?? false,
  });
  const state = spans.length === SPANS_MAX ? "" : formatTraceState(traceStateOf(spans));
  const wrong = ["", "success", "error"].includes(state) ? "" : `, ${state}`;
  await write(io.stdout, `${io.paint.dim(`trace ${traceId}: ${count}${errors}${wrong}`)}\n${tree}`);
  if (spans.length === SPANS_MAX) {
    await write(
      io.stderr,
      `Only the first ${formatCount(SPANS_MAX)} spans are shown; \`counterfoil sql\` has all.\n`,
    );
  }
  return undefined;
}

/** The trace id that the user means; ends the command when there is none, or more than one. */
export async function findTrace(id: string, dataDir: string, io: Io): Promise<string> {
  const found = await mirrorRows<{ trace_id: string }>(io, dataDir, findTraceSql(id));
  const [first, second] = found;
  if (first === undefined) {
    throw new CommandError(
      EXIT.notFound,
      `No trace, span or run has the id ${shown(id)} in ${dataDir}. \`counterfoil traces list\` shows what is there.`,
    );
  }
  if (second === undefined) return first.trace_id;
  const more = found.length === CANDIDATES_MAX ? "\n  ..." : "";
  throw new CommandError(
    EXIT.usage,
    `${shown(id)} fits several traces; give more digits:\n${found.map((row) => `  ${row.trace_id}`).join("\n")}${more}`,
  );
}
