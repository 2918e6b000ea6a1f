import { type Command } from "commander";
import {
  errorMessage,
  type ExplainedSpan,
  explainSpan,
  explainWithLogs,
  normaliseLogRecord,
  type PlacedLogContent,
  RULE_SET_VERSION,
} from "../../schema/index.js";
import { type MirrorRow, readOtlpRows, rowsToOtlp } from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, terminalWidth, write } from "../io.js";
import { requireDataDir, shown, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { mirrorRows, rowsToJson, warn } from "../query.js";
import { sqlText } from "../trace-queries.js";

const SPAN_ID = /^[0-9a-f]{16}$/;
/** Characters of a value that are printed; `--json` has all. */
const VALUE_CHARS = 200;

interface ExplainOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

/** `explain`: how the GenAI columns of one span came about. */
export function addExplainCommand(program: Command, io: Io): void {
  withDataDir(program.command("explain"))
    .description("show which attribute filled each GenAI column of a span, and what was left out")
    .argument("<span_id>", "span id, 16 hex digits")
    .option("--json", "print the explanation as JSON, values whole")
    .addHelpText(
      "after",
      `
The span is read again by the rules of this version; docs/dialects.md lists them all. What log records say of it is
shown with the source log:<event>.

Examples:
  counterfoil explain 00f067aa0ba902b7
  counterfoil explain 00f067aa0ba902b7 --json`,
    )
    .action((id: string, options: ExplainOptions) => explain(id, options, io));
}

async function explain(id: string, options: ExplainOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const spanId = id.trim().toLowerCase();
  if (!SPAN_ID.test(spanId)) {
    throw new CommandError(EXIT.usage, `"${shown(id)}" is no span id: it has 16 hex digits.`);
  }
  const [found] = await mirrorRows<{ trace_id: string; seq: number; rule_set_version: number | null }>(
    io,
    options.dataDir,
    `SELECT trace_id, seq, rule_set_version FROM spans WHERE span_id = ${sqlText(spanId)} ORDER BY seq DESC LIMIT 1`,
  );
  const explained = found && (await readSpan(io, options.dataDir, found, spanId));
  if (found === undefined || explained === undefined) {
    throw new CommandError(
      EXIT.notFound,
      `No span has the id ${shown(id)} in ${options.dataDir}. \`counterfoil traces show <trace>\` lists the spans of a trace.`,
    );
  }
  const versions = { sealed_by_rule_set: found.rule_set_version, rule_set_version: RULE_SET_VERSION };
  if (options.json === true)
    return write(io.stdout, `${rowsToJson({ span_id: spanId, ...versions, ...explained }, 2)}\n`);
  return write(io.stdout, text(explained, found.rule_set_version, io));
}

/** Reads the span back as OTLP, as it was sent, and normalises it with all sources looked at. */
async function readSpan(
  io: Io,
  dataDir: string,
  { trace_id: traceId, seq }: { readonly trace_id: string; readonly seq: number },
  spanId: string,
): Promise<ExplainedSpan | undefined> {
  // Its request alone: other files need not be read then, and may be damaged.
  for await (const rows of readOtlpRows(dataDir, "traces", { traceId, fromSeq: seq, toSeq: seq })) {
    for (const { resource, scopeSpans } of rowsToOtlp("traces", rows).resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        const span = spans.find((item) => item.spanId === spanId);
        if (span === undefined) continue;
        const explained = explainSpan({ ...span, scope, resource });
        return explainWithLogs(explained, await readLogs(io, dataDir, traceId, spanId));
      }
    }
  }
  return undefined;
}

/** What the log records of a span say. Those of other spans of the trace are read, too, and passed over. */
async function readLogs(
  io: Io,
  dataDir: string,
  traceId: string,
  spanId: string,
): Promise<PlacedLogContent[]> {
  const found: PlacedLogContent[] = [];
  try {
    for await (const rows of readOtlpRows(dataDir, "logs", { traceId })) {
      for (const row of rows) if (row.text("span_id") === spanId) found.push(...contentOf(row));
    }
  } catch (error) {
    // A damaged file of logs must not hide what the span itself says.
    await warn(io, [errorMessage(error)]);
  }
  return found;
}

function contentOf(row: MirrorRow): PlacedLogContent[] {
  return rowsToOtlp("logs", [row]).resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ scope, logRecords }) =>
      logRecords.flatMap((record) => {
        const content = normaliseLogRecord(record, scope, resource);
        if (content === undefined) return [];
        const { observedTimeUnixNano, timeUnixNano } = record;
        const time = timeUnixNano === 0n ? observedTimeUnixNano : timeUnixNano;
        return [{ content, timeUnixNano: time, seq: row.number("seq"), seqIndex: row.number("seq_index") }];
      }),
    ),
  );
}

function text(explained: ExplainedSpan, sealedBy: number | null, io: Io): string {
  const { columns, provenance, dialects, conflicts, unmapped, ignored } = explained;
  const table = (names: readonly string[], rows: readonly (readonly string[])[]): string =>
    renderTable({
      columns: names.map((name) => ({ name })),
      rows,
      width: terminalWidth(io),
      heading: io.paint.bold,
    });
  const list = (title: string, items: readonly string[]): string =>
    items.length === 0
      ? ""
      : `\n${io.paint.bold(title)}\n${items.map((item) => `  ${shown(item)}`).join("\n")}\n`;
  const older = sealedBy === RULE_SET_VERSION ? "" : `; it was sealed by version ${sealedBy ?? "none"}`;
  return [
    io.paint.dim(
      `dialects: ${dialects.join(", ") || "none"}; rule set version ${RULE_SET_VERSION}${older}\n`,
    ),
    table(
      ["column", "value", "source"],
      Object.entries(columns).map(([column, value]) => [
        column,
        cut(String(value)),
        provenance[column] ?? "(derived)",
      ]),
    ),
    conflicts.length === 0 ? "" : `\n${io.paint.bold("other sources that say something else")}\n`,
    conflicts.length === 0
      ? ""
      : table(
          ["column", "source", "value"],
          conflicts.map(({ column, source, value }) => [
            column,
            source,
            cut(typeof value === "string" ? value : JSON.stringify(value)),
          ]),
        ),
    list("attributes that a rule reads, but not on this span", ignored),
    list("attributes that no rule reads: kept raw", unmapped),
  ].join("");
}

function cut(value: string): string {
  return value.length <= VALUE_CHARS ? value : `${value.slice(0, VALUE_CHARS)}…`;
}
