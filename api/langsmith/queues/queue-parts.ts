import type { FeedbackConfigService, QueueItem, QueueService } from "../../../loop/index.js";
import {
  isRunId,
  type JsonObject,
  type RunJson,
  runTimeNanos,
  unixNanoToTime,
} from "../../../schema/index.js";
import type { Call } from "../call.js";
import { badField, RefusedCall } from "../replies.js";
import type { RunSources } from "../runs/run-pages.js";

/** What routes of annotation queues work with. */
export interface QueueParts {
  readonly queues: QueueService;
  readonly configs: FeedbackConfigService;
  readonly sources: RunSources;
}

/** Who reviews through LangSmith's API: its keys carry no person here. */
export const LANGSMITH_REVIEWER = "langsmith";

/** What adds runs through it. */
export const ADDED_BY: JsonObject = { type: "langsmith" };

/** A UUID in the path. Throws 422. */
export function idInPath({ params }: Call, name: string): string {
  const id = params[name]?.toLowerCase();
  if (isRunId(id)) return id;
  throw badField(["path", name], "must be a UUID");
}

/** A UUID of a body or query. Throws 422. */
export function idIn(value: unknown, where: readonly (string | number)[]): string {
  if (isRunId(value)) return value.toLowerCase();
  throw badField(where, "must be a UUID");
}

/** A list of UUIDs; undefined when it is not given. Throws 422. */
export function idsIn(value: RunJson | undefined, where: readonly (string | number)[]): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw badField(where, "must be a list of UUIDs");
  return value.map((each, at) => idIn(each, [...where, at]));
}

/** A time in UTC; undefined when it is not given. Throws 422. */
export function timeIn(value: RunJson | undefined, where: readonly (string | number)[]): string | undefined {
  if (value === undefined || value === null) return undefined;
  const nanos = runTimeNanos(value);
  if (nanos === undefined) throw badField(where, "must be a time such as 2026-11-23T10:00:00Z");
  return unixNanoToTime(nanos);
}

/** Whether an item was archived within the bounds of a query, which are not within themselves. */
export function archivedWithin({ data }: QueueItem, query: URLSearchParams): boolean {
  const at = millisOf(data["last_reviewed_time"]);
  const from = boundIn(query, "start_time");
  const to = boundIn(query, "end_time");
  return (from === undefined || at > from) && (to === undefined || at < to);
}

/** Whether an item's run started within the bounds of a query. */
export function startedWithin({ data }: QueueItem, query: URLSearchParams): boolean {
  const at = millisOf(data["start_time"]);
  const from = boundIn(query, "min_start_time");
  const to = boundIn(query, "max_start_time");
  return (from === undefined || at >= from) && (to === undefined || at <= to);
}

/** Milliseconds since 1970; a bound that is there leaves out what has no time. */
function millisOf(time: unknown): number {
  return typeof time === "string" ? Date.parse(time) : Number.NaN;
}

function boundIn(query: URLSearchParams, name: string): number | undefined {
  const time = timeIn(query.get(name) ?? undefined, ["query", name]);
  return time === undefined ? undefined : Date.parse(time);
}

/** Threads in queues are known to LangSmith, not here. */
export function threadItems(): RefusedCall {
  return new RefusedCall(501, "Counterfoil's annotation queues hold runs, not threads (item_type THREAD).");
}
