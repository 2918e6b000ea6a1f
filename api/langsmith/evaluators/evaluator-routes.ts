import type { OnlineEvaluator, OnlineEvaluatorService } from "../../../loop/index.js";
import { errorMessage, type JsonObject, type RunJson, type RunRecord } from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { pageOf } from "../paging.js";
import { idIn, idInPath, timeIn } from "../queues/queue-parts.js";
import { badField, json } from "../replies.js";
import { TENANT_ID } from "../tenant.js";

/** What a client may say of one; the type can't be changed. */
const FIELDS = ["name", "llm_evaluator", "code_evaluator", "metadata"] as const;

/** Routes of online evaluators: kept and given back as they came. LangSmith runs them; rules here have evaluators of their own. */
export function evaluatorHandlers(service: OnlineEvaluatorService): Readonly<Record<string, Handler>> {
  const idOf = (call: Call): string => idInPath(call, "evaluator_id");
  return {
    listEvaluators: async ({ request: { query } }) => {
      const found = sorted(await service.list(), query).filter((each) => isWanted(each, query));
      return json(200, { evaluators: pageOf(query, found).map(evaluatorView), total: found.length });
    },
    createEvaluator: async ({ request }) => {
      const body = objectBody(request.body);
      const data = { ...fieldsOf(body), ...(body["type"] === undefined ? {} : { type: body["type"] }) };
      return json(201, { evaluator: evaluatorView(await service.create(data)) });
    },
    readEvaluator: async (call) => json(200, evaluatorView(await service.get(idOf(call)))),
    updateEvaluator: async (call) => {
      const before = await service.get(idOf(call));
      const given = fieldsOf(objectBody(call.request.body));
      // Of the evaluator itself, too, only what is given changes.
      const change = Object.entries(given).map(([field, value]) => [
        field,
        merged(before.data[field], value),
      ]);
      const changed = await service.update(before.id, Object.fromEntries(change) as JsonObject);
      return json(200, { evaluator: evaluatorView(changed) });
    },
    deleteEvaluator: async (call) => {
      await service.remove(idOf(call));
      return json(200, { message: "Evaluator deleted" });
    },
    deleteEvaluators: async ({ request: { query } }) => {
      const ids = query.getAll("evaluator_ids").flatMap((each) => each.split(","));
      if (ids.length === 0) throw badField(["query", "evaluator_ids"], "is required");
      const succeeded: string[] = [];
      const failed: RunRecord[] = [];
      for (const given of ids) {
        const id = idIn(given, ["query", "evaluator_ids"]);
        try {
          await service.remove(id);
          succeeded.push(id);
        } catch (error) {
          failed.push({ id, error: errorMessage(error) });
        }
      }
      return json(200, { succeeded, failed });
    },
    // None of them runs here, so that none costs anything.
    evaluatorSpend: async ({ request: { query } }) => {
      const start = timeIn(query.get("period_start") ?? undefined, ["query", "period_start"]);
      if (start === undefined) throw badField(["query", "period_start"], "is required");
      return json(200, { groups: [], period_start: start, period_end: new Date().toISOString() });
    },
  };
}

function fieldsOf(body: RunRecord): JsonObject {
  return Object.fromEntries(
    FIELDS.flatMap((field) => (body[field] === undefined ? [] : [[field, body[field]] as const])),
  ) as JsonObject;
}

function merged(before: JsonObject[string] | undefined, given: JsonObject[string]): JsonObject[string] {
  const isObject = (value: unknown): value is JsonObject =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject(before) && isObject(given) ? { ...before, ...given } : given;
}

function sorted(found: readonly OnlineEvaluator[], query: URLSearchParams): readonly OnlineEvaluator[] {
  const field = query.get("sort_by") ?? "created_at";
  if (!["name", "created_at", "updated_at"].includes(field))
    throw badField(["query", "sort_by"], "must be name, created_at or updated_at");
  const textOf = ({ data }: OnlineEvaluator): string => textAt(data, field) ?? "";
  const ascending = found.toSorted((left, right) => (textOf(left) < textOf(right) ? -1 : 1));
  return query.get("sort_by_desc") === "false" ? ascending : ascending.reverse();
}

function isWanted({ data }: OnlineEvaluator, query: URLSearchParams): boolean {
  const part = query.get("name_contains")?.toLowerCase();
  const key = query.get("feedback_key");
  const type = query.get("type");
  const keys = (data["feedback_keys"] ?? []) as readonly unknown[];
  // None of them is bound to an agent, a project or a tag.
  if (query.has("agent_id") || query.has("resource_id") || query.has("tag_value_id")) return false;
  return (
    (part === undefined || (textAt(data, "name") ?? "").toLowerCase().includes(part)) &&
    (key === null || keys.includes(key)) &&
    (type === null || data["type"] === type)
  );
}

function evaluatorView({ id, data }: OnlineEvaluator): RunRecord {
  const ofIt = (field: string): RunJson => {
    const value = data[field];
    return value === undefined ? null : { ...(value as RunRecord), evaluator_id: id };
  };
  return {
    metadata: null,
    feedback_keys: [],
    ...(data as RunRecord),
    id,
    tenant_id: TENANT_ID,
    is_managed: false,
    run_rules: [],
    llm_evaluator: ofIt("llm_evaluator"),
    code_evaluator: ofIt("code_evaluator"),
  };
}
