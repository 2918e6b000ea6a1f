import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Command } from "commander";
import { CounterfoilError } from "../../schema/index.js";
import { MANIFEST_FILE } from "../../store/catalog/manifest-log.js";
import { dataDirPaths, readCatalog } from "../../store/index.js";
import { type Io, terminalWidth, write } from "../io.js";
import { requireDataDir, wholeNumber, withDataDir } from "../options.js";
import { tailLine, type TailSpan } from "../output/tail-line.js";
import { mirrorRows, rowsToJson } from "../query.js";
import { sqlText } from "../trace-queries.js";

const POLL_MS = 200;
const LINES = 10;
const LINES_MAX = 10_000;
/** Spans read per round: a burst comes in several rounds instead of one huge one. */
const ROUND_SPANS_MAX = 5_000;

interface TailOptions {
  readonly dataDir: string;
  readonly project?: string;
  readonly service?: string;
  readonly lines: number;
  readonly json?: boolean;
}

interface Position {
  readonly seq: number;
  readonly index: number;
}

type Row = TailSpan & { readonly seq: number | string; readonly seq_index: number };

/** `tail`: follows the mirror itself, so it works with and without a running server. */
export function addTailCommand(program: Command, io: Io): void {
  withDataDir(program.command("tail"))
    .description("follow new spans as they become visible, until Ctrl-C")
    .option("--project <name>", "only this LangSmith project")
    .option("--service <name>", "only this service.name")
    .option(
      "-n, --lines <n>",
      "show this many spans that are already there",
      wholeNumber(0, LINES_MAX),
      LINES,
    )
    .option("--json", "print one JSON object per line")
    .addHelpText(
      "after",
      `
Examples:
  counterfoil tail
  counterfoil tail --project support -n 0 --json | jq .name`,
    )
    .action((options: TailOptions) => tail(options, io));
}

async function tail(options: TailOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const manifest = join(dataDirPaths(options.dataDir).mirror, MANIFEST_FILE);
  let after: Position = { seq: 0, index: -1 };
  let seen = "";
  let first = true;
  try {
    while (!io.signal.aborted) {
      const stamp = fileStamp(manifest);
      if (stamp !== seen) {
        seen = stamp;
        after = await printNew(options, io, after, first);
        first = false;
      }
      await delay(POLL_MS, undefined, { signal: io.signal });
    }
  } catch (error) {
    // Ctrl-C is how this command ends.
    if (!io.signal.aborted) throw error;
  }
}

/** Changes whenever the manifest did; a missing manifest is a server that has not started yet. */
function fileStamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? "" : `${stat.ino}-${stat.size}-${stat.mtimeNs}`;
}

async function printNew(options: TailOptions, io: Io, from: Position, first: boolean): Promise<Position> {
  const sealedSeq = sealed(options.dataDir);
  let after = from;
  for (;;) {
    const rows = await readSpans(options, io, { after, sealedSeq, newest: first });
    for (const row of rows) {
      const line = options.json ? rowsToJson(row) : tailLine(row, io.paint, terminalWidth(io));
      await write(io.stdout, `${line}\n`);
    }
    const last = rows.at(-1);
    if (first || last === undefined || rows.length < ROUND_SPANS_MAX) {
      return { seq: Math.max(sealedSeq, after.seq), index: Number.MAX_SAFE_INTEGER };
    }
    after = { seq: Number(last.seq), index: last.seq_index };
  }
}

function sealed(dataDir: string): number {
  try {
    return readCatalog(dataDirPaths(dataDir).mirror).sealedSeq;
  } catch (error) {
    if (error instanceof CounterfoilError && error.code === "CF_NOT_FOUND") return 0;
    throw error;
  }
}

async function readSpans(
  options: TailOptions,
  io: Io,
  range: { after: Position; sealedSeq: number; newest: boolean },
): Promise<Row[]> {
  const { after, sealedSeq } = range;
  const limit = range.newest ? options.lines : ROUND_SPANS_MAX;
  if (sealedSeq <= after.seq && after.index === Number.MAX_SAFE_INTEGER) return [];
  if (sealedSeq === 0 || limit === 0) return [];
  const where = [`seq <= ${sealedSeq}`];
  where.push(
    `(seq > ${after.seq} OR (seq = ${after.seq} AND seq_index > ${Math.min(after.index, 2 ** 31 - 1)}))`,
  );
  if (options.project !== undefined) where.push(`project = ${sqlText(options.project)}`);
  if (options.service !== undefined) where.push(`service_name = ${sqlText(options.service)}`);
  const order = range.newest ? "DESC" : "ASC";
  const rows = await mirrorRows<Row>(
    io,
    options.dataDir,
    `SELECT seq, seq_index, trace_id, span_id, parent_span_id, name, run_type, start_time, duration_ns, status_code,
  status_message, service_name, project, coalesce(response_model, request_model) AS model, input_tokens,
  output_tokens, cost_usd
FROM spans WHERE ${where.join(" AND ")}
ORDER BY seq ${order}, seq_index ${order} LIMIT ${limit}`,
  );
  return range.newest ? rows.reverse() : rows;
}
