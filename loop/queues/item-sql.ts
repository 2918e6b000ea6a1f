import { type JsonObject, QUEUE_ITEMS } from "../../schema/index.js";
import { currentRecordsSql, type ReaderRow, type SqlParameter } from "../../store/index.js";
import { textIn } from "../records/text-in.js";
import type { AnnotationQueue, QueueItem, QueueItemFilter, QueueSection } from "./queue-types.js";

/** Binds a value, and gives its place in the SQL. */
export type Bind = (value: SqlParameter) => string;

/** Reviews that complete an item, unless every assigned reviewer must. */
export function reviewersNeeded(queue: JsonObject): number {
  const needed = queue["num_reviewers_per_item"];
  return typeof needed === "number" ? needed : 1;
}

/** Who is assigned to a queue. */
export function assignedReviewers(queue: JsonObject): string[] {
  const assigned = (queue["assigned_reviewers"] ?? []) as readonly JsonObject[];
  return assigned.flatMap(({ user_id: id }) => (typeof id === "string" ? [id] : []));
}

/** SQL expressions of what a queue asks for: its access mode, how many reviews, and a list of who is assigned. */
interface AskedSql {
  readonly mode: string;
  readonly needed: string;
  readonly assigned: string;
}

/** Condition over a row `i` of `queue_items`: the item has all the reviews that its queue asks for. Nothing else decides that. */
function hasAllReviewsSql({ mode, needed, assigned }: AskedSql): string {
  return `CASE ${mode} WHEN 'assigned'
    THEN list_has_all(coalesce(from_json(i.completed_by, '["VARCHAR"]'), []), ${assigned})
    ELSE coalesce(json_array_length(i.completed_by), 0) >= ${needed} END`;
}

/** The same of items of the queue in a row `q` of `annotation_queues`. */
export const ARCHIVED_SQL = hasAllReviewsSql({
  mode: "q.reviewer_access_mode",
  needed: "q.num_reviewers_per_item",
  assigned: `list_transform(from_json(q.assigned_reviewers, '[{"user_id":"VARCHAR"}]'), lambda r: r.user_id)`,
});

/** The same of items of one queue. */
function archivedSql(queue: JsonObject, bind: Bind): string {
  return hasAllReviewsSql({
    mode: queue["reviewer_access_mode"] === "assigned" ? "'assigned'" : "'any'",
    needed: String(reviewersNeeded(queue)),
    assigned: `CAST([${assignedReviewers(queue).map(bind).join(", ")}] AS VARCHAR[])`,
  });
}

/** An item as it is written: its id and the data of its record. */
export type WrittenItem = Pick<QueueItem, "id" | "data">;

interface ItemQuery {
  readonly queue: Pick<AnnotationQueue, "id" | "data">;
  readonly filter: QueueItemFilter;
  readonly now: Date;
}

/** Items of a queue with the section and place that they have for a reviewer, as a relation to select from. */
function itemsRelation({ queue, filter, now }: ItemQuery, bind: Bind, items: string): string {
  const me = bind(filter.reviewer ?? "");
  const at = bind(now.toISOString());
  const data = queue.data;
  const reserved = `list_transform(list_filter(coalesce(from_json(i.reservations, '[{"user_id":"VARCHAR","until":"VARCHAR"}]'), []), lambda r: r.until > ${at}), lambda r: r.user_id)`;
  const done = `(${hasSql("i.completed_by", me)} OR ${hasSql("i.skipped_by", me)})`;
  const assigned = assignedReviewers(data);
  const barred =
    assigned.length === 0 ? "false" : `${me} NOT IN (${assigned.map((each) => bind(each)).join(", ")})`;
  // Whoever has it may become one of those that are needed.
  const taken =
    data["enable_reservations"] === false || data["reviewer_access_mode"] === "assigned"
      ? "false"
      : `coalesce(json_array_length(i.completed_by), 0) + len(list_filter(${reserved}, lambda u: u <> ${me} AND NOT ${hasSql("i.completed_by", "u")})) >= ${reviewersNeeded(data)}`;
  return `(SELECT i.id, i.data, i.completed_by, i.skipped_by, to_json(${reserved})::VARCHAR AS reserved_by,
  CASE WHEN ${archivedSql(data, bind)} THEN 'archived'
    WHEN ${done} OR ${barred} OR ${taken} THEN 'needs_others_review' ELSE 'needs_my_review' END AS section,
  coalesce(CAST(list_filter(coalesce(from_json(json_extract(i.data, '$.positions'), '[{"user_id":"VARCHAR","added_at":"VARCHAR"}]'), []), lambda p: p.user_id = ${me})[1].added_at AS TIMESTAMP_NS), i.added_at) AS place
FROM ${items} AS i)`;
}

/**
 * Items of a queue, or those of them with these ids or of these runs: the ids are found in narrow columns, and of nothing else
 * the state is computed. A delete names no queue, so the changes of an item are found by its id.
 */
function storedItems({ queue, filter }: ItemQuery, bind: Bind): string {
  const ids = filter.ids?.map((id) => bind(id)).join(", ");
  const among =
    ids === undefined ? "" : ids === "" ? " AND false" : ` AND (id IN (${ids}) OR run_id IN (${ids}))`;
  const only = `id IN (SELECT id FROM queue_items_history WHERE queue_id = ${bind(queue.id)}${among})`;
  return `(${currentRecordsSql("queue_items", only)})`;
}

/** One item as it was just written: the mirror need not have it yet. */
function writtenItem({ id, data }: WrittenItem, bind: Bind): string {
  const columns = QUEUE_ITEMS.columns.map(({ name, type, json, read }) => {
    const value = (read === undefined ? data[name] : read(data)) ?? null;
    const text =
      value === null ? null : json === true || typeof value !== "string" ? JSON.stringify(value) : value;
    return `CAST(${bind(text)} AS ${type}) AS ${name}`;
  });
  return `(SELECT ${bind(id)} AS id, ${bind(JSON.stringify(data))} AS data, ${columns.join(", ")})`;
}

function sectionsSql(filter: QueueItemFilter, bind: Bind): string {
  const { sections } = filter;
  return sections === undefined ? "" : ` WHERE section IN (${sections.map((each) => bind(each)).join(", ")})`;
}

const SHOWN = `id, data, completed_by, skipped_by, reserved_by, section,
  strftime(place::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS place_text`;

/** A statement and its values. */
export interface ItemSql {
  readonly sql: string;
  readonly params: readonly SqlParameter[];
}

function statement(make: (bind: Bind) => string): ItemSql {
  const params: SqlParameter[] = [];
  const sql = make((value) => `$${params.push(value)}`);
  return { sql, params };
}

/** SQL of a page of items, in the order in which the reviewer gets them. */
export function itemPageSql(query: ItemQuery): ItemSql {
  const { limit, offset = 0 } = query.filter;
  const page = limit === undefined ? "" : ` LIMIT ${limit} OFFSET ${offset}`;
  return statement(
    (bind) =>
      `SELECT ${SHOWN} FROM ${itemsRelation(query, bind, storedItems(query, bind))}${sectionsSql(query.filter, bind)} ORDER BY place, id${page}`,
  );
}

/** SQL of an item as it was just written. */
export function writtenItemSql(query: ItemQuery, item: WrittenItem): ItemSql {
  return statement((bind) => `SELECT ${SHOWN} FROM ${itemsRelation(query, bind, writtenItem(item, bind))}`);
}

/** SQL of how many items there are in each section, with the first of each. */
export function itemCountsSql(query: ItemQuery): ItemSql {
  return statement(
    (bind) =>
      `SELECT section, count(*)::INTEGER AS items, arg_min(id, (place, id)) AS first FROM ${itemsRelation(query, bind, storedItems(query, bind))} GROUP BY section`,
  );
}

/** SQL of how many items of its section stand before one. */
export function itemPlaceSql(query: ItemQuery, id: string): ItemSql {
  return statement((bind) => {
    const items = itemsRelation(query, bind, storedItems(query, bind));
    return `WITH items AS (SELECT id, section, place FROM ${items})
SELECT count(*)::INTEGER AS position FROM items AS i JOIN items AS it ON it.id = ${bind(id)}
WHERE i.section = it.section AND (i.place, i.id) < (it.place, it.id)`;
  });
}

/** The item of a row of {@link itemPageSql}. */
export function itemOfRow(row: ReaderRow): QueueItem {
  return {
    id: textIn(row, "id"),
    data: JSON.parse(textIn(row, "data")) as JsonObject,
    section: textIn(row, "section") as QueueSection,
    effectiveAddedAt: textIn(row, "place_text"),
    completedBy: listIn(row, "completed_by"),
    skippedBy: listIn(row, "skipped_by"),
    reservedBy: listIn(row, "reserved_by"),
  };
}

/** Whether a JSON array of texts has one. */
function hasSql(column: string, value: string): string {
  return `coalesce(list_contains(from_json(${column}, '["VARCHAR"]'), ${value}), false)`;
}

function listIn(row: ReaderRow, column: string): string[] {
  const text = textIn(row, column);
  return text === "" ? [] : (JSON.parse(text) as string[]);
}
