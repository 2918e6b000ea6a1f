import type { ComparativeExperiment, ComparativeService } from "../../../loop/index.js";
import { isRunId, type JsonObject, type RunRecord } from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { datasetId } from "../datasets/dataset-routes.js";
import { pageOf } from "../paging.js";
import { badField, json } from "../replies.js";
import { TENANT_ID } from "../tenant.js";

const FIELDS = ["name", "description", "reference_dataset_id", "extra", "created_at"];

/** Routes of comparative experiments. */
export function comparativeHandlers(service: ComparativeService): Readonly<Record<string, Handler>> {
  return {
    createComparative: async ({ request }) => {
      const body = objectBody(request.body);
      const { id, experiment_ids: experiments } = body;
      if (id !== undefined && id !== null && !isRunId(id)) throw badField(["body", "id"], "must be a UUID");
      if (!Array.isArray(experiments) || experiments.length === 0 || !experiments.every(isRunId))
        throw badField(["body", "experiment_ids"], "must be a list of ids of experiments");
      if (!isRunId(body["reference_dataset_id"]))
        throw badField(["body", "reference_dataset_id"], "must be a UUID");
      const given = Object.fromEntries(
        FIELDS.flatMap((field) => ((body[field] ?? null) === null ? [] : [[field, body[field]]])),
      ) as JsonObject;
      const data = {
        created_at: new Date().toISOString(),
        ...given,
        experiment_ids: experiments.map((experiment) => experiment.toLowerCase()),
      };
      const made = await service.create(data, isRunId(id) ? id.toLowerCase() : undefined);
      return json(200, comparativeView(made));
    },
    listComparative: async (call) => {
      const { query } = call.request;
      const ids = query.getAll("id").map((id) => id.toLowerCase());
      const name = query.get("name");
      const part = query.get("name_contains")?.toLowerCase();
      const found = (await service.ofDataset(datasetId(call))).filter(({ id, data }) => {
        const own = typeof data["name"] === "string" ? data["name"] : "";
        if (ids.length > 0 && !ids.includes(id)) return false;
        if (name !== null && own !== name) return false;
        return part === undefined || own.toLowerCase().includes(part);
      });
      return {
        ...json(200, pageOf(query, found).map(comparativeView)),
        headers: { "x-pagination-total": String(found.length) },
      };
    },
    deleteComparative: async ({ params }) => {
      const id = params["comparative_experiment_id"]?.toLowerCase();
      if (!isRunId(id)) throw badField(["path", "comparative_experiment_id"], "must be a UUID");
      await service.remove(id);
      return json(200, { message: "Comparative experiment deleted" });
    },
  };
}

function comparativeView(experiment: ComparativeExperiment): RunRecord {
  const { experiment_ids: _ids, ...data } = experiment.data;
  return {
    name: null,
    description: null,
    extra: null,
    ...(data as RunRecord),
    id: experiment.id,
    tenant_id: TENANT_ID,
    modified_at: experiment.modifiedAt,
    experiments_info: [...experiment.experiments].map(([id, name]) => ({ id, name })),
    feedback_stats: Object.fromEntries([...experiment.scores].map(([key, { n, avg }]) => [key, { n, avg }])),
  };
}
