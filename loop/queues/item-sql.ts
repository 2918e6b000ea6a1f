import type { JsonObject } from "../../schema/index.js";
import type { ReaderRow, SqlParameter } from "../../store/index.js";
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

/** Condition over a row `i` of `queue_items`: the item has all the reviews that its queue asks for. */
export function archivedSql(queue: JsonObject, bind: Bind): string {
  if (queue["reviewer_access_mode"] === "assigned") {
    return `(${assignedReviewers(queue)
      .map((reviewer) => hasSql("i.completed_by", bind(reviewer)))
      .join(" AND ")})`;
  }
  return `coalesce(json_array_length(i.completed_by), 0) >= ${reviewersNeeded(queue)}`;
}

interface ItemQuery {
  readonly queue: Pick<AnnotationQueue, "id" | "data">;
  readonly filter: QueueItemFilter;
  readonly now: Date;
}

/** Items of a queue with the section and place that they have for a reviewer, as a relation to select from. */
function itemsRelation({ queue, filter, now }: ItemQuery, bind: Bind): string {
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
  const ids = filter.ids?.map((id) => bind(id)).join(", ");
  const among =
    ids === undefined ? "" : ids === "" ? " AND false" : ` AND (i.id IN (${ids}) OR i.run_id IN (${ids}))`;
  return `(SELECT i.id, i.data, i.completed_by, i.skipped_by, to_json(${reserved})::VARCHAR AS reserved_by,
  CASE WHEN ${archivedSql(data, bind)} THEN 'archived'
    WHEN ${done} OR ${barred} OR ${taken} THEN 'needs_others_review' ELSE 'needs_my_review' END AS section,
  coalesce(CAST(list_filter(coalesce(from_json(json_extract(i.data, '$.positions'), '[{"user_id":"VARCHAR","added_at":"VARCHAR"}]'), []), lambda p: p.user_id = ${me})[1].added_at AS TIMESTAMP_NS), i.added_at) AS place
FROM queue_items AS i WHERE i.queue_id = ${bind(queue.id)}${among})`;
}

function sectionsSql(filter: QueueItemFilter, bind: Bind): string {
  const { sections } = filter;
  return sections === undefined ? "" : ` WHERE section IN (${sections.map((each) => bind(each)).join(", ")})`;
}

/** SQL of a page of items, in the order in which the reviewer gets them. */
export function itemPageSql(query: ItemQuery): { sql: string; params: SqlParameter[] } {
  const params: SqlParameter[] = [];
  const bind: Bind = (value) => `$${params.push(value)}`;
  const relation = itemsRelation(query, bind);
  const { limit, offset = 0 } = query.filter;
  const page = limit === undefined ? "" : ` LIMIT ${limit} OFFSET ${offset}`;
  const sql = `SELECT id, data, completed_by, skipped_by, reserved_by, section, strftime(place::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS place_text
FROM ${relation}${sectionsSql(query.filter, bind)} ORDER BY place, id${page}`;
  return { sql, params };
}

/** SQL of how many items there are in each section. */
export function itemCountsSql(query: ItemQuery): { sql: string; params: SqlParameter[] } {
  const params: SqlParameter[] = [];
  const bind: Bind = (value) => `$${params.push(value)}`;
  const sql = `SELECT section, count(*)::INTEGER AS items FROM ${itemsRelation(query, bind)} GROUP BY section`;
  return { sql, params };
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
