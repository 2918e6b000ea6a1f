import { CounterfoilError, runSpanId, runTraceId } from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";
import type { RunReference } from "./queue-types.js";

/** A run that is in the mirror. */
export interface FoundRun {
  readonly runId: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly project: string | null;
  /** RFC 3339 with microseconds. */
  readonly startTime: string | null;
}

/** References in one statement. */
const REFERENCES_MAX = 500;

/** The runs of these references, in their order. Throws CF_NOT_FOUND for the first that is not there. */
export async function findRuns(rows: Rows, references: readonly RunReference[]): Promise<FoundRun[]> {
  const found = await lookUpRuns(rows, references);
  return found.map((run, at) => run ?? missing(references[at]));
}

/** The same with undefined for each that is not there. */
export async function lookUpRuns(
  rows: Rows,
  references: readonly RunReference[],
): Promise<(FoundRun | undefined)[]> {
  const found: (FoundRun | undefined)[] = [];
  for (let at = 0; at < references.length; at += REFERENCES_MAX) {
    found.push(...(await findSome(rows, references.slice(at, at + REFERENCES_MAX))));
  }
  return found;
}

function missing({ runId, traceId, spanId }: RunReference = {}): never {
  const text = runId ?? `of trace ${traceId ?? ""}${spanId === undefined ? "" : `, span ${spanId},`}`;
  throw new CounterfoilError("CF_NOT_FOUND", `Run ${text} not found`);
}

async function findSome(rows: Rows, references: readonly RunReference[]): Promise<(FoundRun | undefined)[]> {
  const runIds = references.flatMap(({ runId }) => runId ?? []);
  // A root's trace follows from its id, any other run's span does: both are indexed, and run ids are not.
  const roots = await select(rows, (bind) => [
    anyOf("s.trace_id", runIds.map(runTraceId), bind),
    anyOf("s.run_id", runIds, bind),
  ]);
  const byId = new Map(roots.map((run) => [run.runId, run]));
  const others = runIds.filter((id) => !byId.has(id));
  const below = await select(rows, (bind) => [
    anyOf("s.span_id", others.map(runSpanId), bind),
    anyOf("s.run_id", others, bind),
  ]);
  for (const run of below) byId.set(run.runId, run);
  const bySpan = references.filter(({ runId }) => runId === undefined);
  const spanIds = bySpan.map(({ spanId = "" }) => spanId);
  const ofTraces = await select(rows, (bind) => [
    anyOf(
      "s.trace_id",
      bySpan.map(({ traceId = "" }) => traceId),
      bind,
    ),
    `(s.parent_span_id IS NULL OR ${anyOf("s.span_id", spanIds, bind)})`,
  ]);
  return references.map(({ runId, traceId, spanId }) => {
    const isIt = (run: SomeRun): boolean =>
      run.traceId === traceId && (spanId === undefined ? run.isRoot : run.spanId === spanId);
    return runId === undefined ? ofTraces.find(isIt) : byId.get(runId);
  });
}

type SomeRun = FoundRun & { readonly isRoot: boolean };

function anyOf(column: string, values: readonly string[], bind: (value: string) => string): string {
  return values.length === 0 ? "false" : `${column} IN (${[...new Set(values)].map(bind).join(", ")})`;
}

async function select(
  rows: Rows,
  conditions: (bind: (value: string) => string) => readonly string[],
): Promise<SomeRun[]> {
  const bindings = new Bindings();
  const where = conditions((value) => bindings.bind(value));
  if (where.includes("false")) return [];
  const found = await rows(
    `SELECT s.run_id, s.trace_id, s.span_id, s.project, s.parent_span_id IS NULL AS is_root,
  strftime(s.start_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS started
FROM spans AS s WHERE ${where.join(" AND ")} ORDER BY s.start_time, s.span_id`,
    bindings.params,
  );
  return found.map(foundRun);
}

function foundRun(row: ReaderRow): SomeRun {
  return {
    runId: textIn(row, "run_id"),
    traceId: textIn(row, "trace_id"),
    spanId: textIn(row, "span_id"),
    project: textIn(row, "project") || null,
    startTime: textIn(row, "started") || null,
    isRoot: row["is_root"] === true,
  };
}
