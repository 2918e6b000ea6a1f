import {
  CounterfoilError,
  FEEDBACK_PAGE_MAX,
  type JsonObject,
  type JsonValue,
  spanIdOf,
  spanIdOfRunId,
  traceIdOf,
  uuidOf,
} from "../../schema/index.js";
import type { ReaderRow, RecordDraft, RecordWriter } from "../../store/index.js";
import { textIn } from "../records/text-in.js";
import { checkAgainstConfigs, type FeedbackConfigCache } from "./feedback-configs.js";
import { feedbackOf, type FeedbackFilter, pageSql, type Rows, runIdsSql } from "./feedback-query.js";

/** Fields that {@link FeedbackService.update} changes; null takes one away. */
export type FeedbackChange = JsonObject;

/** What feedback is created from: the fields of the type `feedback`, and an id unless a new one will do. */
export type FeedbackDraft = JsonObject;

/** Feedback, current state. Every change is a record of its own and stays in `feedback_history`. */
export interface FeedbackService {
  /**
   * Stores all or none, durably, and gives them as `get` would. The same id again replaces what it had. Throws
   * CF_RECORD_INVALID, which names each wrong field, also for what the config of its key does not allow. A key that has no
   * config gets the one that its feedback brings. `also` takes effect together with it.
   */
  create(drafts: readonly FeedbackDraft[], also?: readonly RecordDraft[]): Promise<JsonObject[]>;
  /** Throws CF_NOT_FOUND. */
  get(id: string): Promise<JsonObject>;
  /** Newest first. Throws CF_USAGE for a limit above FEEDBACK_PAGE_MAX. */
  list(filter: FeedbackFilter): Promise<JsonObject[]>;
  /** Changes some fields. Throws CF_NOT_FOUND and CF_RECORD_INVALID. */
  update(id: string, change: FeedbackChange): Promise<JsonObject>;
  /** Throws CF_NOT_FOUND. */
  remove(id: string): Promise<void>;
}

/** What {@link createFeedbackService} works with. */
export interface FeedbackPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  /** What feedback is checked against. */
  readonly configs: FeedbackConfigCache;
  readonly now?: () => Date;
}

/** Feedback over a writer of records and the mirror. */
export function createFeedbackService(ports: FeedbackPorts): FeedbackService {
  return new RecordedFeedback(ports);
}

class RecordedFeedback implements FeedbackService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #configs: FeedbackConfigCache;
  readonly #now: () => Date;
  /** Changes that read first come one after another, or one would undo the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ writer, rows, configs, now = () => new Date() }: FeedbackPorts) {
    this.#writer = writer;
    this.#rows = rows;
    this.#configs = configs;
    this.#now = now;
  }

  async create(drafts: readonly FeedbackDraft[], also: readonly RecordDraft[] = []): Promise<JsonObject[]> {
    const time = this.#now().toISOString();
    const brought = checkAgainstConfigs(drafts, await this.#configs.byKeySoon(), time);
    const records = drafts.map((draft): RecordDraft => {
      const { id, ...given } = draft;
      if (id !== undefined && id !== null && typeof id !== "string") {
        throw new CounterfoilError("CF_RECORD_INVALID", "Not a valid feedback: id must be a text.");
      }
      const data = {
        ...given,
        feedback_source: given["feedback_source"] ?? { type: "api" },
        created_at: given["created_at"] ?? time,
        modified_at: given["modified_at"] ?? time,
      };
      return { type: "feedback", op: "put", data, time, ...(typeof id === "string" ? { id } : {}) };
    });
    const { changes } = await this.#writer.append([...records, ...brought, ...also]);
    return changes
      .slice(0, records.length)
      .map(({ id, data }) => feedbackOf(id, data ?? {}, { ...idsOf(data ?? {}), time }));
  }

  async get(id: string): Promise<JsonObject> {
    const [found] = await this.list({ ids: [id], limit: 1 });
    if (found === undefined) throw new CounterfoilError("CF_NOT_FOUND", `Feedback ${id} not found`);
    return found;
  }

  async list(filter: FeedbackFilter): Promise<JsonObject[]> {
    if (filter.limit > FEEDBACK_PAGE_MAX) {
      throw new CounterfoilError(
        "CF_USAGE",
        `limit must be at most ${FEEDBACK_PAGE_MAX}, got ${filter.limit}.`,
      );
    }
    const { sql, params } = pageSql(filter);
    const rows = await this.#rows(sql, params);
    const runIds = await this.#runIdsOf(rows);
    return rows.map((row) => rowFeedback(row, runIds));
  }

  async update(id: string, change: FeedbackChange): Promise<JsonObject> {
    return this.#inTurn(async () => {
      const { data, runIds, row } = await this.#stored(id);
      const time = this.#now().toISOString();
      const merged: Record<string, JsonValue> = { ...data, ...change, modified_at: time };
      delete merged["id"];
      checkAgainstConfigs([merged], await this.#configs.byKeySoon(), time);
      await this.#writer.append([{ type: "feedback", id, op: "put", data: merged, time }]);
      return rowFeedback({ ...row, data: JSON.stringify(merged) }, runIds);
    });
  }

  async remove(id: string): Promise<void> {
    await this.#inTurn(async () => {
      await this.#stored(id);
      await this.#writer.append([{ type: "feedback", id, op: "delete", data: null }]);
    });
  }

  async #stored(
    id: string,
  ): Promise<{ data: JsonObject; row: ReaderRow; runIds: ReadonlyMap<string, string> }> {
    const { sql, params } = pageSql({ ids: [id], limit: 1 });
    const [row] = await this.#rows(sql, params);
    if (row === undefined) throw new CounterfoilError("CF_NOT_FOUND", `Feedback ${id} not found`);
    return { data: dataOf(row), row, runIds: await this.#runIdsOf([row]) };
  }

  /** Run ids of the spans of rows that name only those. */
  async #runIdsOf(rows: readonly ReaderRow[]): Promise<ReadonlyMap<string, string>> {
    const spans = rows.flatMap((row) => {
      const { run_id: runId, trace_id: traceId, span_id: spanId } = row;
      return runId === null && typeof traceId === "string" && typeof spanId === "string"
        ? [{ traceId, spanId }]
        : [];
    });
    if (spans.length === 0) return new Map();
    const { sql, params } = runIdsSql(spans);
    const found = await this.#rows(sql, params);
    return new Map(found.map((row) => [spanKey(row), textIn(row, "run_id")]));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

function spanKey(row: ReaderRow): string {
  return `${textIn(row, "trace_id")} ${textIn(row, "span_id")}`;
}

function dataOf(row: ReaderRow): JsonObject {
  return JSON.parse(textIn(row, "data")) as JsonObject;
}

function rowFeedback(row: ReaderRow, runIds: ReadonlyMap<string, string>): JsonObject {
  const { trace_id: traceId, span_id: spanId, run_id: runId } = row;
  const run = typeof runId === "string" ? runId : runIds.get(spanKey(row));
  return feedbackOf(textIn(row, "id"), dataOf(row), {
    ...(run === undefined ? {} : { runId: run }),
    ...(typeof traceId === "string" ? { traceId } : {}),
    ...(typeof spanId === "string" ? { spanId } : {}),
    time: textIn(row, "time"),
  });
}

/** The ids that a feedback's own data tell, before its span is known. */
function idsOf(data: JsonObject): { traceId?: string; spanId?: string } {
  const traceId = traceIdOf(data["trace_id"]);
  const spanId = spanIdOf(data["span_id"]) ?? spanIdOfRunId(uuidOf(data["run_id"]));
  return { ...(traceId === undefined ? {} : { traceId }), ...(spanId === undefined ? {} : { spanId }) };
}
