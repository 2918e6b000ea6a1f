import { type ChangeRecord, type JsonObject, priceOfMapEntry } from "../../../schema/index.js";
import { feedbackConfigId } from "../../feedback/feedback-configs.js";
import {
  fieldsOf,
  type ImportRun,
  listed,
  type ListedProject,
  paged,
  storeRecords,
  textAt,
} from "./import-run.js";
import { importPrompts } from "./prompts.js";
import { importQueues, QUEUES } from "./queues.js";
import { objectIn } from "./run-shape.js";
import { importRules, RULES_TYPE } from "./rules.js";

const CONFIG_FIELDS = new Set(["id", "tenant_id", "modified_at"]);
const COMPARATIVE_FIELDS = new Set(["id", "tenant_id", "modified_at", "experiments_info", "feedback_stats"]);

const EVALUATORS = "online evaluators";
/** What the source looks up, or counts. */
const EVALUATOR_FIELDS = new Set(["id", "tenant_id", "run_rules", "created_by", "is_managed"]);

const PRICES = "model prices";
/** LangSmith does not say when a price was changed: a change that was made here is taken for the later one. */
const UNKNOWN_TIME = new Date(0).toISOString();

/** Imports what is neither runs, feedback nor datasets. `projects` are all that the source has: rules name them by id. */
export async function importOthers(run: ImportRun, projects: readonly ListedProject[]): Promise<void> {
  await run.tally.attempt("feedback configs", () => importConfigs(run));
  await run.tally.attempt("prompts", () => importPrompts(run));
  await run.tally.attempt(PRICES, () => importPrices(run));
  await run.tally.attempt(QUEUES, () => importQueues(run));
  await run.tally.attempt(RULES_TYPE, () => importRules(run, projects));
  await run.tally.attempt(EVALUATORS, () => importEvaluators(run));
}

/** LangSmith's evaluators are kept as they are; it alone can run them. */
async function importEvaluators(run: ImportRun): Promise<void> {
  for await (const page of paged(run, "/api/v1/platform/evaluators", "evaluators")) {
    const changes = page.flatMap((item): ChangeRecord[] => {
      const id = textAt(item, "id");
      if (id === undefined) return [];
      const time = textAt(item, "updated_at") ?? textAt(item, "created_at") ?? UNKNOWN_TIME;
      const own = ["llm_evaluator", "code_evaluator"].flatMap((field) => {
        const value = objectIn(item[field]);
        return value === undefined ? [] : [[field, fieldsOf(value, new Set(["evaluator_id"]))] as const];
      });
      const data = { ...fieldsOf(item, EVALUATOR_FIELDS), ...Object.fromEntries(own) };
      return [{ type: "online_evaluator", id, op: "put", time, source: "import", data }];
    });
    await storeRecords(run, EVALUATORS, changes);
  }
}

/**
 * Imports the workspace's own prices. LangSmith's built-in ones belong to no tenant: as records they would go before the
 * prices that ship here, which know more kinds of tokens.
 */
async function importPrices(run: ImportRun): Promise<void> {
  for await (const page of listed(run.source, "/api/v1/model-price-map")) {
    const own = page.filter((item) => textAt(item, "tenant_id") !== undefined);
    if (own.length < page.length) run.tally.notKept(PRICES, page.length - own.length);
    const changes = own.flatMap((item): ChangeRecord[] => {
      const id = textAt(item, "id");
      if (id === undefined) return [];
      const read = priceOfMapEntry(item);
      if ("data" in read)
        return [{ type: "price", id, op: "put", time: UNKNOWN_TIME, source: "import", ...read }];
      run.tally.found(PRICES);
      run.tally.skipped(PRICES, id, `${read.field} ${read.problem}`);
      return [];
    });
    await storeRecords(run, PRICES, changes);
  }
}

async function importConfigs(run: ImportRun): Promise<void> {
  for await (const page of listed(run.source, "/api/v1/feedback-configs")) {
    const changes = page.flatMap((item): ChangeRecord[] => {
      const key = textAt(item, "feedback_key");
      if (key === undefined) return [];
      const time = textAt(item, "modified_at") ?? run.now().toISOString();
      const data = fieldsOf(item, CONFIG_FIELDS);
      return [
        { type: "feedback_config", id: feedbackConfigId(key), op: "put", time, source: "import", data },
      ];
    });
    await storeRecords(run, "feedback configs", changes);
  }
}

/** Imports the comparisons of a dataset's experiments; the judgements are feedback. */
export async function importComparisons(run: ImportRun, dataset: string): Promise<void> {
  for await (const page of listed(run.source, `/api/v1/datasets/${dataset}/comparative`)) {
    const changes = page.flatMap((item): ChangeRecord[] => {
      const id = textAt(item, "id");
      if (id === undefined) return [];
      const experiments = Array.isArray(item["experiments_info"]) ? item["experiments_info"] : [];
      const ids = experiments.flatMap((each) => textAt(each as JsonObject, "id") ?? []);
      const time = textAt(item, "modified_at") ?? textAt(item, "created_at") ?? run.now().toISOString();
      const data = {
        reference_dataset_id: dataset,
        ...fieldsOf(item, COMPARATIVE_FIELDS),
        experiment_ids: ids,
      };
      return [{ type: "comparative_experiment", id, op: "put", time, source: "import", data }];
    });
    await storeRecords(run, "comparative experiments", changes);
  }
}
