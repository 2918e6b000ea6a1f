import type { FeedbackConfig, FeedbackConfigChange, FeedbackConfigService } from "../../../loop/index.js";
import { CounterfoilError, type JsonObject, type RunJson, type RunRecord } from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { pageOf } from "../paging.js";
import { badField, json } from "../replies.js";
import { TENANT_ID } from "../tenant.js";

/** Routes of feedback configs. A key has one; LangSmith's clients may name it by key or by its id. */
export function feedbackConfigHandlers(service: FeedbackConfigService): Readonly<Record<string, Handler>> {
  return {
    listFeedbackConfigs: async ({ request }) => {
      const { query } = request;
      const keys = query.getAll("key");
      const name = query.get("name_contains");
      const enforced = query.get("is_enforced");
      const configs = await service.list({
        ...(keys.length === 0 ? {} : { keys }),
        ...(name === null ? {} : { nameContains: name }),
        withDeleted: query.get("include_all_configs") === "true",
      });
      const wanted = configs.filter(
        ({ data }) => enforced === null || (data["is_enforced"] === true) === (enforced === "true"),
      );
      return json(200, pageOf(query, wanted).map(configView));
    },
    createFeedbackConfig: async ({ request }) => {
      const body = withoutNulls(objectBody(request.body));
      return json(200, configView(await service.create(body)));
    },
    updateFeedbackConfig: async ({ request }) => {
      const body = objectBody(request.body);
      const key = await keyOf(service, body["feedback_key"], body["id"]);
      return json(200, configView(await service.update(key, changeOf(body))));
    },
    deleteFeedbackConfig: async ({ request }) => {
      const { query } = request;
      await service.remove(await keyOf(service, query.get("feedback_key"), query.get("id")));
      return json(200, { message: "Feedback config deleted" });
    },
  };
}

/** A config as LangSmith gives it. */
export function configView({ id, key, data, modifiedAt, isDeleted }: FeedbackConfig): RunRecord {
  return {
    is_lower_score_better: false,
    is_enforced: false,
    ...(data as RunRecord),
    id,
    feedback_key: key,
    tenant_id: TENANT_ID,
    modified_at: modifiedAt,
    is_first: true,
    is_deleted: isDeleted,
  };
}

async function keyOf(service: FeedbackConfigService, key: unknown, id: unknown): Promise<string> {
  if (typeof id === "string" && id !== "") {
    const found = (await service.list()).find((config) => config.id === id.toLowerCase());
    if (found !== undefined) return found.key;
    throw new CounterfoilError("CF_NOT_FOUND", `Feedback config ${id} not found`);
  }
  if (typeof key === "string" && key !== "") return key;
  throw badField(["feedback_key"], "or id is required");
}

function changeOf(body: RunRecord): FeedbackConfigChange {
  const config = body["feedback_config"] ?? undefined;
  const direction = body["is_lower_score_better"] ?? undefined;
  if (direction !== undefined && typeof direction !== "boolean")
    throw badField(["body", "is_lower_score_better"], "must be true or false");
  const removed = listOf(body, "remove_categories");
  if (!removed.every((value) => typeof value === "number"))
    throw badField(["body", "remove_categories"], "must be a list of values");
  return {
    ...(config === undefined ? {} : { config: withoutNulls(objectOf(config, "feedback_config")) }),
    ...(direction === undefined ? {} : { isLowerScoreBetter: direction }),
    addCategories: listOf(body, "add_categories").map((item) => objectOf(item, "add_categories")),
    removeCategories: removed,
  };
}

function listOf(body: RunRecord, field: string): RunJson[] {
  const value = body[field] ?? [];
  if (Array.isArray(value)) return value;
  throw badField(["body", field], "must be a list");
}

function objectOf(value: RunJson, field: string): RunRecord {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw badField(["body", field], "must be an object");
}

function withoutNulls(body: RunRecord): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null)) as JsonObject;
}
