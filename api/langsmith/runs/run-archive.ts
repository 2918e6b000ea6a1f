import { ATTACHMENTS_COLUMN, NATIVE_COLUMNS, nativeRunOfRow } from "../../../loop/index.js";
import { isRunId, type NativeRun, runSpanId, runTimeNanos, runTraceId } from "../../../schema/index.js";
import type { MirrorReads } from "../../mirror-reads.js";
import type { RunWrite } from "./run-writes.js";

/** The LangSmith runs that the mirror has. */
export interface RunArchive {
  /** The latest start of any run, nanoseconds since 1970; 0 when there is none. */
  newestStart(): Promise<bigint>;
  /** Those of the writes' runs that are there, by id. */
  find(writes: readonly RunWrite[]): Promise<ReadonlyMap<string, NativeRun>>;
}

export function createRunArchive(reads: MirrorReads): RunArchive {
  return {
    async newestStart() {
      const [row] = await reads.rows(
        "SELECT max(start_time) AS newest FROM spans WHERE source = 'langsmith'",
      );
      return runTimeNanos(row?.["newest"]) ?? 0n;
    },
    async find(writes) {
      const params: string[] = [];
      const bind = (text: string): string => `$${params.push(text)}`;
      const conditions = writes.map(({ id, fields }) => {
        const trace = fields.text("trace_id");
        if (!isRunId(trace)) return `run_id = ${bind(id)}`;
        return `(trace_id = ${bind(runTraceId(trace))} AND span_id = ${bind(runSpanId(id))})`;
      });
      const rows = await reads.rows(
        `SELECT run_id, ${NATIVE_COLUMNS}, ${ATTACHMENTS_COLUMN} FROM spans WHERE source = 'langsmith' AND (${conditions.join(" OR ")})`,
        params,
      );
      const runs = new Map<string, NativeRun>();
      for (const row of rows) {
        const run = nativeRunOfRow(row);
        const id = textOf(row["run_id"]);
        if (run !== undefined && id !== undefined) runs.set(id, run);
      }
      return runs;
    },
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
