import {
  AGREEMENT_LEVELS,
  type AnnotationQueue,
  createFeedbackService,
  type ItemChange,
  QUEUE_SECTIONS,
  type QueueItem,
  type QueueSection,
  type QueueService,
  queueAgreement,
  reviewedRun,
  type RunReference,
} from "../../loop/index.js";
import {
  ANNOTATION_QUEUES,
  type Api,
  type ApiHost,
  type ApiRequest,
  CounterfoilError,
  type JsonObject,
  type JsonValue,
  QUEUE_ADD_MAX,
  QUEUE_PAGE_MAX,
  spanIdOf,
  traceIdOf,
  uuidOf,
} from "../../schema/index.js";
import { createRecordWriter } from "../../store/index.js";
import type { MirrorReads } from "../mirror-reads.js";
import type { SharedParts } from "../shared-parts.js";
import { decodedSegment, jsonBody, jsonObject, jsonReply, wholeNumberIn } from "./json-call.js";

const PATH = /^\/api\/v1\/queues(?:\/([^/]+))?(?:\/([^/]+))?(?:\/([^/]+))?(?:\/([^/]+))?$/;
const PAGE_DEFAULT = 100;

interface Parts {
  readonly queues: QueueService;
  /** `now`: as the mirror has it, which has what an item was just chosen from. */
  readonly detailed: (item: QueueItem, when?: "now") => Promise<JsonObject>;
  readonly agreement: (queue: string, level: string | null) => Promise<unknown>;
}

/**
 * Annotation queues over HTTP (`docs/feedback.md`): `/api/v1/queues`, `/api/v1/queues/{id or name}`, its `/items`, `/next`
 * and `/agreement`, and `/items/{id}/review`.
 */
export function createQueuesApi(host: ApiHost, reads: MirrorReads, { queues, configs }: SharedParts): Api {
  const rows = (sql: string, params: Parameters<MirrorReads["rows"]>[1]) => reads.rows(sql, params);
  const writer = createRecordWriter(host, { source: "api" });
  const peek = (sql: string, params: Parameters<MirrorReads["peek"]>[1]) => reads.peek(sql, params);
  const feedback = createFeedbackService({ writer, rows, configs });
  const seenFeedback = createFeedbackService({ writer, rows: peek, configs });
  const parts: Parts = {
    queues,
    detailed: async (item, when) => {
      const shown = when === "now" ? { rows: peek, feedback: seenFeedback } : { rows, feedback };
      return { ...itemReply(item), ...(await reviewedRun(shown, item)) };
    },
    agreement: async (name, level) => {
      const known = AGREEMENT_LEVELS.find((each) => each === (level ?? "nominal"));
      if (known !== undefined) return queueAgreement(rows, await queues.get(name), known);
      throw new CounterfoilError(
        "CF_USAGE",
        `level must be one of ${AGREEMENT_LEVELS.join(", ")}, got ${level}.`,
      );
    },
  };
  return {
    find(method, path) {
      const found = PATH.exec(path);
      if (found === null) return undefined;
      const [, queue, what, item, verb] = found.map((segment) => (segment === undefined ? "" : segment));
      const route = `${method} ${queue === "" ? "" : "queue"}${what === "" ? "" : `/${what}`}${item === "" ? "" : "/item"}${verb === "" ? "" : `/${verb}`}`;
      const handle = HANDLERS[route];
      if (handle === undefined) return undefined;
      return async (request) =>
        jsonReply(
          await handle(parts, request, {
            queue: decodedSegment(queue ?? ""),
            item: decodedSegment(item ?? ""),
          }),
        );
    },
    close: async () => undefined,
  };
}

type Handle = (
  parts: Parts,
  request: ApiRequest,
  names: { readonly queue: string; readonly item: string },
) => Promise<unknown>;

const HANDLERS: Readonly<Record<string, Handle>> = {
  "GET ": async ({ queues }) => (await queues.list()).map(queueReply),
  "POST ": async ({ queues }, request) => {
    const { id, ...data } = ownFields(jsonObject(jsonBody(request)));
    checkNames(data, QUEUE_FIELDS);
    return queueReply(await queues.create(data, id === undefined ? undefined : uuidIn("id", id)));
  },
  "GET queue": async ({ queues }, { query }, { queue }) => {
    const reviewer = query.get("reviewer") ?? undefined;
    return { ...queueReply(await queues.get(queue)), counts: await queues.counts(queue, reviewer) };
  },
  "PATCH queue": async ({ queues }, request, { queue }) => {
    const { id: _id, ...change } = ownFields(jsonObject(jsonBody(request)));
    checkNames(change, QUEUE_FIELDS);
    return queueReply(await queues.update(queue, change));
  },
  "DELETE queue": async ({ queues }, _request, { queue }) => ({
    id: (await queues.remove(queue)).id,
    deleted: true,
  }),
  "GET queue/agreement": ({ agreement }, { query }, { queue }) => agreement(queue, query.get("level")),
  "GET queue/items": async ({ queues }, { query }, { queue }) => {
    const reviewer = query.get("reviewer");
    const sections = query.getAll("section").map(sectionOf);
    const items = await queues.items(queue, {
      ...(reviewer === null ? {} : { reviewer }),
      ...(sections.length === 0 ? {} : { sections }),
      limit: wholeNumberIn(query, "limit", { least: 1, most: QUEUE_PAGE_MAX }) ?? PAGE_DEFAULT,
      offset: wholeNumberIn(query, "offset", { least: 0, most: Number.MAX_SAFE_INTEGER }) ?? 0,
    });
    return items.map(itemReply);
  },
  "POST queue/items": async ({ queues }, request, { queue }) => {
    const { runs } = jsonObject(jsonBody(request));
    if (!Array.isArray(runs) || runs.length === 0 || runs.length > QUEUE_ADD_MAX)
      throw new CounterfoilError("CF_USAGE", `runs must be a list of 1 to ${QUEUE_ADD_MAX} runs.`);
    const wanted = (runs as readonly JsonValue[]).map(runReference);
    return (await queues.add(queue, wanted, { type: "api" })).map(itemReply);
  },
  "GET queue/items/item": async ({ queues, detailed }, { query }, { queue, item }) =>
    detailed(await queues.item(queue, item, query.get("reviewer") ?? undefined)),
  "DELETE queue/items/item": async ({ queues }, _request, { queue, item }) => {
    const { id } = await queues.item(queue, item);
    await queues.removeItems(queue, { ids: [id] });
    return { id, deleted: true };
  },
  "POST queue/next": async ({ queues, detailed }, request, { queue }) => {
    const reviewer = reviewerIn(jsonObject(jsonBody(request)));
    const { item, counts } = await queues.next(queue, reviewer);
    return { item: item === undefined ? null : await detailed(item, "now"), counts };
  },
  "POST queue/items/item/review": async ({ queues }, request, { queue, item }) => {
    const body = jsonObject(jsonBody(request));
    checkNames(body, ["reviewer", "status", "feedback"]);
    const feedback = body["feedback"] ?? [];
    if (!Array.isArray(feedback))
      throw new CounterfoilError("CF_USAGE", "feedback must be a list of feedback.");
    return itemReply(
      await queues.review(queue, item, {
        reviewer: reviewerIn(body),
        changes: [changeIn(body["status"])],
        feedback: (feedback as readonly JsonValue[]).map((each) => jsonObject(each, "A feedback")),
        checkRubric: true,
      }),
    );
  },
};

function queueReply({ id, data, items, archived }: AnnotationQueue): JsonObject {
  return { id, ...data, items, archived };
}

function itemReply(item: QueueItem): JsonObject {
  return {
    id: item.id,
    ...item.data,
    section: item.section,
    completed_by: item.completedBy,
    skipped_by: item.skippedBy,
    reserved_by: item.reservedBy,
  };
}

/** Without what the server keeps itself, so that what was read can be sent back. */
function ownFields({ items, archived, counts, created_at, updated_at, ...data }: JsonObject): JsonObject {
  void [items, archived, counts, created_at, updated_at];
  return data;
}

const QUEUE_FIELDS = ANNOTATION_QUEUES.fields.map(({ name }) => name);

/** People mistype: a field that is left out for its name would be missed later. */
function checkNames(body: JsonObject, known: readonly string[]): void {
  const wrong = Object.keys(body).find((name) => !known.includes(name));
  if (wrong === undefined) return;
  throw new CounterfoilError("CF_USAGE", `There is no field ${wrong}; there are ${known.join(", ")}.`);
}

function reviewerIn(body: JsonObject): string {
  const { reviewer } = body;
  if (typeof reviewer === "string" && reviewer.trim() !== "") return reviewer;
  throw new CounterfoilError("CF_USAGE", "reviewer is required: the name or id of who reviews.");
}

const CHANGES: ReadonlyMap<unknown, Exclude<ItemChange["kind"], "place">> = new Map([
  ["viewed", "view"],
  ["released", "release"],
  ["completed", "complete"],
  ["skipped", "skip"],
  ["open", "reopen"],
]);

function changeIn(status: JsonValue | undefined): ItemChange {
  const kind = CHANGES.get(status ?? "completed");
  if (kind !== undefined) return { kind };
  const names = [...CHANGES.keys()].join(", ");
  throw new CounterfoilError("CF_USAGE", `status must be one of ${names}, got ${JSON.stringify(status)}.`);
}

function sectionOf(text: string): QueueSection {
  const known = QUEUE_SECTIONS.find((each) => each === text);
  if (known !== undefined) return known;
  throw new CounterfoilError(
    "CF_USAGE",
    `section must be one of ${QUEUE_SECTIONS.join(", ")}, got ${JSON.stringify(text)}.`,
  );
}

function runReference(value: JsonValue, at: number): RunReference {
  const { run_id: runId, trace_id: traceId, span_id: spanId } = jsonObject(value, `runs[${at}]`);
  if (runId !== undefined && runId !== null) return { runId: uuidIn(`runs[${at}].run_id`, runId) };
  const trace = traceIdOf(traceId);
  if (trace === undefined)
    throw new CounterfoilError(
      "CF_USAGE",
      `runs[${at}] needs a run_id, or the trace_id (32 hex digits) of its trace.`,
    );
  if (spanId === undefined || spanId === null) return { traceId: trace };
  const span = spanIdOf(spanId);
  if (span === undefined)
    throw new CounterfoilError("CF_USAGE", `runs[${at}].span_id must be 16 hex digits.`);
  return { traceId: trace, spanId: span };
}

function uuidIn(name: string, value: JsonValue): string {
  const id = uuidOf(value);
  if (id !== undefined) return id;
  throw new CounterfoilError("CF_USAGE", `${name} must be a UUID, got ${JSON.stringify(value)}.`);
}
