import { randomUUID } from "node:crypto";
import type {
  Dataset,
  DatasetService,
  ExampleChange,
  ExampleDraft,
  FeedbackService,
} from "../../../loop/index.js";
import {
  canonicalJson,
  checkRecord,
  CounterfoilError,
  FEEDBACK,
  isRunId,
  type JsonObject,
  EXAMPLES_UPLOAD_MAX,
  nanosToRunTime,
  PROJECTS,
  rawFieldsOf,
  RECORD_CHANGES_MAX,
  type RunFields,
  type RunJson,
  type RunRecord,
  runTimeNanos,
} from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { datasetView } from "../datasets/dataset-view.js";
import { exampleDraft } from "../datasets/example-bodies.js";
import { oneOf, type ProjectParts } from "../projects/project-routes.js";
import { badField, json } from "../replies.js";
import type { StoreRuns } from "../runs/run-ingest.js";
import { batchWrites } from "../runs/run-writes.js";

/** What the route that takes an experiment works with. */
export interface ExperimentUploadParts {
  readonly datasets: DatasetService;
  readonly projects: ProjectParts;
  readonly feedback: FeedbackService;
  readonly store: StoreRuns;
}

/** Scores of one change set: the configs that they may bring are in it, too. */
const SCORES_AT_ONCE = RECORD_CHANGES_MAX / 2;

/** One row of the results. */
interface Row {
  readonly example: ExampleDraft & { readonly id: string };
  /** Without `session_name`. */
  readonly run: RunFields;
  /** Without `session_id`. */
  readonly scores: readonly JsonObject[];
}

/**
 * `POST /datasets/upload-experiment`: an experiment that was run elsewhere, with its dataset, runs and scores. All is
 * checked before the first part is stored, in the order dataset, experiment, runs, scores.
 */
export function experimentUploadHandlers(parts: ExperimentUploadParts): Readonly<Record<string, Handler>> {
  return {
    uploadExperiment: async ({ request }) => json(200, await upload(parts, objectBody(request.body))),
  };
}

async function upload(parts: ExperimentUploadParts, body: RunRecord): Promise<RunRecord> {
  const { projects } = parts;
  const name = body["experiment_name"];
  if (typeof name !== "string" || name === "") throw badField(["body", "experiment_name"], "is required");
  const rows = rowsOf(body, name);
  const summary = listAt(body, "summary_experiment_scores").map((score, at) =>
    scoreAt(score, ["body", "summary_experiment_scores", at], {}),
  );
  const { experiment_description: description = null } = body;
  if (description !== null && typeof description !== "string")
    throw badField(["body", "experiment_description"], "must be a text");
  const post = rows.map(({ run }) => ({ ...run, session_name: name }));
  const fields = rawFieldsOf({ post });
  const writes = batchWrites(fields, fields.size);
  const given = {
    description,
    start_time: timeAt(body, "experiment_start_time", ["body"]) ?? new Date().toISOString(),
    end_time: timeAt(body, "experiment_end_time", ["body"]) ?? null,
    extra: { metadata: objectAt(body, "experiment_metadata", ["body"]) ?? {} } as JsonObject,
  };
  checkRecord(PROJECTS, { ...given, name });
  await projects.names.load();
  if (await projects.service.isTaken(name)) {
    throw new CounterfoilError("CF_CONFLICT", `A project named ${name} already exists.`);
  }
  const dataset = await storeDataset(parts.datasets, body, rows);
  const id = randomUUID();
  const said = Object.entries({ ...given, reference_dataset_id: dataset.id }).filter(
    ([, value]) => value !== null,
  );
  const data = Object.fromEntries(said) as JsonObject;
  projects.names.note(await projects.service.create({ id, name, data }, { upsert: false }));
  await parts.store(writes);
  const scores = [...rows.flatMap((row) => row.scores), ...summary];
  await storeScores(
    parts.feedback,
    scores.map((score) => ({ ...score, session_id: id })),
  );
  return {
    dataset: datasetView(await parts.datasets.get(dataset.id)),
    experiment: await oneOf(projects, id, true),
  };
}

/** Throws 422 for scores that the config of their key does not allow: that is seen when they are stored. */
async function storeScores(feedback: FeedbackService, scores: readonly JsonObject[]): Promise<void> {
  try {
    for (let at = 0; at < scores.length; at += SCORES_AT_ONCE) {
      await feedback.create(scores.slice(at, at + SCORES_AT_ONCE));
    }
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.code !== "CF_RECORD_INVALID") throw error;
    throw badField(["body", "results"], `${error.message} The experiment was stored without these scores.`);
  }
}

/** The dataset that the body names, with the examples of the rows: new ones are added, changed ones changed. */
async function storeDataset(
  service: DatasetService,
  body: RunRecord,
  rows: readonly Row[],
): Promise<Dataset> {
  const { dataset_id: id = null, dataset_name: name = null, dataset_description: description } = body;
  if (id !== null && !isRunId(id)) throw badField(["body", "dataset_id"], "must be a UUID");
  const examples = [...new Map(rows.map(({ example }) => [example.id, example])).values()];
  if (id === null) {
    if (typeof name !== "string" || name === "") {
      throw badField(["body", "dataset_name"], "is required without dataset_id");
    }
    const [there] = await service.list({ name });
    if (there === undefined) {
      const data = { name, ...(typeof description === "string" ? { description } : {}) };
      return service.create(data, undefined, examples);
    }
    await putExamples(service, there, examples);
    return there;
  }
  const there = await service.get(id.toLowerCase());
  await putExamples(service, there, examples);
  return there;
}

async function putExamples(
  service: DatasetService,
  dataset: Dataset,
  drafts: readonly (ExampleDraft & { readonly id: string })[],
): Promise<void> {
  const ids = drafts.map(({ id }) => id);
  const there = new Map(
    (await service.listExamples({ ids, limit: ids.length + 1, offset: 0 })).map((each) => [each.id, each]),
  );
  const added = drafts.filter(({ id }) => !there.has(id));
  const changed = drafts.flatMap(({ id, data }): ExampleChange[] => {
    const example = there.get(id);
    if (example === undefined) return [];
    if (example.datasetId !== dataset.id) {
      throw badField(["body", "results", "row_id"], `${id} is an example of another dataset`);
    }
    const { inputs = {}, outputs } = data;
    const now = canonicalJson([example.data["inputs"] ?? {}, example.data["outputs"] ?? null]);
    if (now === canonicalJson([inputs, outputs ?? null])) return [];
    return [{ id, data: { inputs, ...(outputs === undefined ? {} : { outputs }) } }];
  });
  if (added.length > 0) await service.addExamples(dataset.id, added);
  if (changed.length > 0) await service.updateExamples(changed);
}

function rowsOf(body: RunRecord, experiment: string): Row[] {
  const results = listAt(body, "results");
  if (results.length > EXAMPLES_UPLOAD_MAX) {
    throw badField(["body", "results"], `has ${results.length} rows; send at most ${EXAMPLES_UPLOAD_MAX}`);
  }
  const rows = results.map((result, at) => rowOf(result, at, { body, experiment }));
  const known = new Map<string, string>();
  for (const [at, { example }] of rows.entries()) {
    const content = canonicalJson(example.data);
    // A row that is named again is a repetition: one more run of the same example.
    if ((known.get(example.id) ?? content) !== content) {
      throw badField(
        ["body", "results", at, "row_id"],
        "names a row that has other inputs or expected outputs",
      );
    }
    known.set(example.id, content);
  }
  return rows;
}

function rowOf(
  result: RunRecord,
  at: number,
  { body, experiment }: { readonly body: RunRecord; readonly experiment: string },
): Row {
  const where = ["body", "results", at];
  const { row_id: rowId = null, run_name: runName, error = null } = result;
  if (rowId !== null && !isRunId(rowId)) throw badField([...where, "row_id"], "must be a UUID");
  const example = exampleDraft({
    inputs: objectAt(result, "inputs", where) ?? {},
    outputs: objectAt(result, "expected_outputs", where) ?? null,
  });
  const start = timeAt(result, "start_time", where) ?? timeAt(body, "experiment_start_time", ["body"]);
  if (start === undefined) throw badField([...where, "start_time"], "is required");
  const end = timeAt(result, "end_time", where) ?? timeAt(body, "experiment_end_time", ["body"]) ?? start;
  const id = randomUUID();
  const exampleId = rowId?.toLowerCase() ?? randomUUID();
  const outputs = objectAt(result, "actual_outputs", where);
  return {
    example: { ...example, id: exampleId },
    run: {
      id,
      trace_id: id,
      dotted_order: `${start.slice(0, 26).replaceAll(/[-:.]/g, "")}Z${id}`,
      name: typeof runName === "string" && runName !== "" ? runName : experiment,
      run_type: "chain",
      start_time: start,
      end_time: end,
      inputs: objectAt(result, "inputs", where) ?? {},
      ...(outputs === undefined ? {} : { outputs }),
      ...(typeof error === "string" ? { error } : {}),
      extra: { metadata: objectAt(result, "run_metadata", where) ?? {} },
      reference_example_id: exampleId,
    },
    scores: listAt(result, "evaluation_scores", where).map((score, index) =>
      scoreAt(score, [...where, "evaluation_scores", index], { run_id: id, trace_id: id, start_time: start }),
    ),
  };
}

/** Throws 422 for a score that could not be stored: before anything is. */
function scoreAt(score: RunRecord, where: readonly (string | number)[], about: JsonObject): JsonObject {
  const { id: _id, session_id: _session, ...given } = score;
  const draft: JsonObject = { ...given, ...about };
  try {
    checkRecord(FEEDBACK, { ...draft, session_id: "00000000-0000-0000-0000-000000000000" });
  } catch (error) {
    if (error instanceof CounterfoilError) throw badField(where, error.message);
    throw error;
  }
  return draft;
}

function listAt(body: RunRecord, field: string, where: readonly (string | number)[] = ["body"]): RunRecord[] {
  const list = body[field] ?? [];
  if (!Array.isArray(list)) throw badField([...where, field], "must be a list");
  return list.map((item, at) => recordOf(item, [...where, field, at]));
}

function objectAt(
  body: RunRecord,
  field: string,
  where: readonly (string | number)[],
): RunRecord | undefined {
  const value = body[field] ?? null;
  return value === null ? undefined : recordOf(value, [...where, field]);
}

function recordOf(value: RunJson, where: readonly (string | number)[]): RunRecord {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw badField(where, "must be an object");
}

/** A time in LangSmith's form. */
function timeAt(body: RunRecord, field: string, where: readonly (string | number)[]): string | undefined {
  const value = body[field] ?? null;
  if (value === null) return undefined;
  const nanos = runTimeNanos(value);
  if (nanos === undefined) throw badField([...where, field], "must be a time");
  return nanosToRunTime(nanos);
}
