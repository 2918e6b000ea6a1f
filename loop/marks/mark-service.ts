import { CounterfoilError, type JsonObject, MARKS_PAGE_MAX, PINS, RUN_TAGS } from "../../schema/index.js";
import type { RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { findRuns } from "../queues/find-runs.js";
import type { RunReference } from "../queues/queue-types.js";
import { textIn } from "../records/text-in.js";
import { pinIdOf, runTagIdOf } from "./mark-ids.js";

/** What {@link MarkService} works with. */
interface MarkPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
}

/** Pins of traces and tags of runs as records (I5). Rules make them, too. Throws CF_NOT_FOUND for what is not there. */
export class MarkService {
  readonly #ports: MarkPorts;

  constructor(ports: MarkPorts) {
    this.#ports = ports;
  }

  /** Pinned traces, newest first, at most MARKS_PAGE_MAX. */
  pins(): Promise<JsonObject[]> {
    return this.#list(PINS.table, "", new Bindings());
  }

  /** Tags that were put on runs of a trace, or on any, newest first, at most MARKS_PAGE_MAX. */
  tags(traceId?: string): Promise<JsonObject[]> {
    const bindings = new Bindings();
    const where = traceId === undefined ? "" : ` WHERE trace_id = ${bindings.bind(traceId)}`;
    return this.#list(RUN_TAGS.table, where, bindings);
  }

  /** Lets retention keep a trace, whether it has come or not. */
  async pin(traceId: string, reason: string | undefined): Promise<JsonObject> {
    const id = pinIdOf(traceId);
    const data = { trace_id: traceId, reason: reason ?? null, created_at: new Date().toISOString() };
    await this.#ports.writer.append([{ type: PINS.type, id, op: "put", data }]);
    return { id, ...data };
  }

  /** Lets retention take it when its time comes. */
  unpin(traceId: string): Promise<void> {
    return this.#remove(PINS, pinIdOf(traceId), `Trace ${traceId} is not pinned`);
  }

  /** Puts a tag on a run. */
  async tag(reference: RunReference, tag: string): Promise<JsonObject> {
    const run = await this.#run(reference);
    const id = runTagIdOf(run, tag);
    const ids = { trace_id: run.traceId, span_id: run.spanId, run_id: run.runId };
    const data = { tag, ...ids, created_at: new Date().toISOString() };
    await this.#ports.writer.append([{ type: RUN_TAGS.type, id, op: "put", data }]);
    return { id, ...data };
  }

  /** Takes away a tag that was put on a run; those that it came with stay. */
  async untag(reference: RunReference, tag: string): Promise<void> {
    const id = runTagIdOf(await this.#run(reference), tag);
    await this.#remove(RUN_TAGS, id, `The tag ${JSON.stringify(tag)} was not put on that run`);
  }

  async #run(reference: RunReference): Promise<{ traceId: string; spanId: string; runId: string }> {
    const [run] = await findRuns(this.#ports.rows, [reference]);
    if (run === undefined) throw new CounterfoilError("CF_NOT_FOUND", "Run not found");
    return run;
  }

  async #list(table: string, where: string, { params }: Bindings): Promise<JsonObject[]> {
    const rows = await this.#ports.rows(
      `SELECT id, data FROM ${table}${where} ORDER BY created_at DESC, id LIMIT ${MARKS_PAGE_MAX}`,
      params,
    );
    return rows.map((row) => ({ id: textIn(row, "id"), ...(JSON.parse(textIn(row, "data")) as JsonObject) }));
  }

  async #remove(
    { type, table }: { readonly type: string; readonly table: string },
    id: string,
    absent: string,
  ): Promise<void> {
    const found = await this.#ports.rows(`SELECT id FROM ${table} WHERE id = $1`, [id]);
    if (found.length === 0) throw new CounterfoilError("CF_NOT_FOUND", `${absent}.`);
    await this.#ports.writer.append([{ type, id, op: "delete", data: null }]);
  }
}
