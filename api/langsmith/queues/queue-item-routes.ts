import { QUEUE_SECTIONS, type QueueItem, type QueueSection } from "../../../loop/index.js";
import type { RunJson, RunRecord } from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { pageSizeOf } from "../cursor.js";
import { decodeOffset, encodeOffset, PAGE_MAX } from "../paging.js";
import { badField, json } from "../replies.js";
import {
  ADDED_BY,
  archivedWithin,
  idInPath,
  idsIn,
  LANGSMITH_REVIEWER,
  type QueueParts,
  startedWithin,
  threadItems,
  timeIn,
} from "./queue-parts.js";
import { checkAddCount, runKeyIn } from "./queue-run-routes.js";
import { platformView } from "./queue-views.js";

const reviewer = LANGSMITH_REVIEWER;

/** The platform routes of queue items, which replace those of runs in queues. */
export function queueItemHandlers(parts: QueueParts): Readonly<Record<string, Handler>> {
  const { queues } = parts;
  const view = (item: QueueItem): RunRecord => platformView(parts, item);
  return {
    addQueueItems: async (call) => {
      const { items } = objectBody(call.request.body);
      if (!Array.isArray(items) || items.length === 0)
        throw badField(["body", "items"], "must be a list of items");
      checkAddCount(items, ["body", "items"]);
      const runs = items.map((item, at) => runKeyIn(runItem(item, at), ["body", "items", at]));
      await parts.sources.projects.load();
      return json(200, { items: (await queues.add(idInPath(call, "queue_id"), runs, ADDED_BY)).map(view) });
    },
    listQueueItems: async (call) => {
      const { query } = call.request;
      if (query.get("item_type") === "THREAD") return json(200, { items: [], next_cursor: null });
      const section = sectionIn(query.get("status"));
      const size = pageSizeOf(query.get("page_size"), { most: PAGE_MAX, usual: PAGE_MAX });
      const from = decodeOffset(query.get("cursor"), ["query", "cursor"]);
      const back = query.get("direction") === "backward";
      const offset = back ? Math.max(0, from - size) : from;
      const filter = { reviewer, sections: [section], limit: (back ? from - offset : size) + 1, offset };
      const found = await queues.items(idInPath(call, "queue_id"), filter);
      const page = found.slice(0, filter.limit - 1);
      await parts.sources.projects.load();
      const items = page.filter((item) => startedWithin(item, query)).map(view);
      const next = found.length > page.length ? encodeOffset(offset + page.length) : null;
      return json(200, { items, next_cursor: next });
    },
    updateQueueItem: async (call) => {
      const body = objectBody(call.request.body);
      const addedAt = timeIn(body["added_at"], ["body", "added_at"]);
      const reviewed = timeIn(body["last_reviewed_time"], ["body", "last_reviewed_time"]);
      await parts.sources.projects.load();
      const item = await queues.changeItem(idInPath(call, "queue_id"), idInPath(call, "item_id"), {
        ...(addedAt === undefined ? {} : { addedAt }),
        ...(reviewed === undefined ? {} : { lastReviewedTime: reviewed }),
      });
      return json(200, view(item));
    },
    deleteQueueItems: async (call) => {
      const ids = idsIn(objectBody(call.request.body)["item_ids"], ["body", "item_ids"]);
      if (ids === undefined) throw badField(["body", "item_ids"], "must be a list of UUIDs");
      const count = await queues.removeItems(idInPath(call, "queue_id"), { ids });
      return json(200, { message: `${count} items deleted` });
    },
    countQueueItems: async (call) => {
      const { query } = call.request;
      const id = idInPath(call, "queue_id");
      const status = query.get("status");
      const sections: readonly QueueSection[] = status === "all" ? QUEUE_SECTIONS : [sectionIn(status)];
      if (!BOUNDS.some((name) => query.has(name))) {
        const counts = await queues.counts(id, reviewer);
        return json(200, { count: sections.reduce((sum, section) => sum + counts[section], 0) });
      }
      const items = await queues.items(id, { reviewer, sections });
      const counted = items.filter(
        (item) => startedWithin(item, query) && (status !== "archived" || archivedWithin(item, query)),
      );
      return json(200, { count: counted.length });
    },
    queueItemPlacement: async (call) => {
      const id = idInPath(call, "queue_id");
      const item = await queues.item(id, idInPath(call, "item_id"), reviewer);
      const position = await queues.place(id, item, reviewer);
      return json(200, { section: item.section, position, item_type: "RUN", cursor: encodeOffset(position) });
    },
  };
}

const BOUNDS = ["min_start_time", "max_start_time", "start_time", "end_time"];

function runItem(item: RunJson, at: number): RunRecord {
  if (typeof item !== "object" || item === null || Array.isArray(item))
    throw badField(["body", "items", at], "must be an object");
  if (item["item_type"] === "THREAD" || (item["run_id"] ?? null) === null) throw threadItems();
  return item;
}

function sectionIn(status: string | null): QueueSection {
  const known = QUEUE_SECTIONS.find((section) => section === status);
  if (known !== undefined) return known;
  throw badField(["query", "status"], `must be one of ${QUEUE_SECTIONS.join(", ")}`);
}
