import type { Client } from "langsmith";
import { evaluate, evaluateComparative } from "langsmith/evaluation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { clientOf } from "./sdk.js";

interface Judged {
  readonly outputs: Record<string, unknown>;
  readonly referenceOutputs?: Record<string, unknown>;
}

interface Compared {
  readonly runs: readonly { readonly id: string; readonly outputs?: Record<string, unknown> }[];
  readonly referenceOutputs?: Record<string, unknown>;
}

let api: RunningApi;
let client: Client;
let datasetId: string;
/** Names of two experiments over the dataset: the second one answers better. */
const experiments: string[] = [];

beforeAll(async () => {
  api = await runApi();
  client = clientOf(api);
  const dataset = await client.createDataset("sums");
  datasetId = dataset.id;
  await client.createExamples({
    inputs: [{ n: 1 }, { n: 2 }, { n: 3 }],
    outputs: [{ sum: 2 }, { sum: 4 }, { sum: 6 }],
    datasetId,
  });
  for (const answer of [(n: number) => (n === 3 ? 6 : 0), (n: number) => (n === 3 ? 0 : 2 * n)]) {
    const results = await evaluate(async ({ n }: { n: number }) => ({ sum: answer(n) }), {
      data: "sums",
      client,
      evaluators: [
        ({ outputs, referenceOutputs }: Judged) => ({
          key: "right",
          score: Number(outputs?.["sum"] === referenceOutputs?.["sum"]),
        }),
      ],
    });
    experiments.push(results.experimentName);
  }
  await client.awaitPendingTraceBatches();
});

afterAll(async () => {
  await api.stop();
});

async function post(path: string, body: object): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${api.url}${path}`, { method: "POST", body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

async function idsOfExperiments(): Promise<string[]> {
  return Promise.all(experiments.map(async (projectName) => (await client.readProject({ projectName })).id));
}

test("evaluateComparative() runs end to end, and the comparison is found with its experiments and scores", async () => {
  const [first = "", second = ""] = experiments;
  const { results, comparativeExperiment } = await evaluateComparative([first, second], {
    client,
    experimentPrefix: "pair",
    description: "which is better",
    metadata: { judge: "us" },
    evaluators: [
      ({ runs, referenceOutputs }: Compared) => ({
        key: "preferred",
        scores: Object.fromEntries(
          runs.map((run) => [run.id, Number(run.outputs?.["sum"] === referenceOutputs?.["sum"])]),
        ),
      }),
    ],
  });
  expect(results).toHaveLength(3);
  const found = (await (await fetch(`${api.url}/datasets/${datasetId}/comparative`)).json()) as object[];
  expect(found).toEqual([
    expect.objectContaining({
      id: comparativeExperiment.id,
      description: "which is better",
      reference_dataset_id: datasetId,
      extra: { metadata: { judge: "us" } },
      experiments_info: (await idsOfExperiments()).map((id, at) => ({ id, name: experiments[at] })),
      feedback_stats: { preferred: { n: 6, avg: 0.5 } },
    }),
  ]);
  const gone = await fetch(`${api.url}/datasets/comparative/${comparativeExperiment.id}`, {
    method: "DELETE",
  });
  expect(gone.status).toBe(200);
  expect(await (await fetch(`${api.url}/datasets/${datasetId}/comparative`)).json()).toEqual([]);
});

test("a comparison of what is no experiment of the dataset is refused", async () => {
  const [id] = await idsOfExperiments();
  const stranger = crypto.randomUUID();
  const answer = await post("/datasets/comparative", {
    experiment_ids: [id, stranger],
    reference_dataset_id: datasetId,
  });
  expect(answer).toMatchObject({ status: 404, body: { detail: expect.stringContaining(stranger) } });
  expect((await post("/datasets/comparative", { reference_dataset_id: datasetId })).status).toBe(422);
});

test("results of experiments are given by example, page after page, with the runs and their feedback", async () => {
  const ids = await idsOfExperiments();
  const body = { session_ids: ids, offset: 1, limit: 2 };
  const { body: page } = await post(`/datasets/${datasetId}/runs`, body);
  expect(page).toMatchObject([
    { inputs: { n: 2 }, outputs: { sum: 4 }, runs: [{}, {}] },
    { inputs: { n: 3 }, runs: [{ session_id: ids[0], feedback_stats: { right: { n: 1, avg: 1 } } }, {}] },
  ]);
  expect((page as object[]).length).toBe(2);
  const items: { inputs?: unknown; runs?: object[] }[] = [];
  const query = client.datasets.experimentRuns.query(datasetId, {
    experiment_ids: ids.slice(0, 1),
    selects: ["OUTPUTS"],
    page_size: 2,
  });
  for await (const item of query) items.push(item);
  expect(items.map(({ inputs }) => inputs)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(items[2]?.runs).toEqual([{ id: expect.any(String), outputs: { sum: 6 } }]);
  const empty = { experiment_ids: ids, page_size: 0 };
  expect((await post(`/v2/datasets/${datasetId}/experiment-runs`, empty)).status).toBe(422);
  const numbers = async (more: object): Promise<unknown> => {
    const found = await post(`/datasets/${datasetId}/runs`, { session_ids: ids.slice(0, 1), ...more });
    return found.status === 200
      ? (found.body as { inputs: { n: number } }[]).map(({ inputs }) => inputs.n)
      : found.status;
  };
  const [first = ""] = ids;
  const good = ['eq(feedback_key, "right")', "gt(feedback_score, 0.5)"];
  expect(await numbers({ filters: { [first]: [`and(${good.join(", ")})`] } })).toEqual([3]);
  expect(await numbers({ filters: { [first]: ["is_root", 'eq(name, "nobody")'] } })).toBe(400);
  expect(await numbers({ filters: { [first]: ['eq(name, "nobody")'] } })).toEqual([]);
  expect(await numbers({ filters: { a: ["eq(name, 1)"] } })).toBe(422);
  const byScore = { sort_by: "feedback.right" };
  expect(await numbers({ sort_params: byScore })).toEqual([3, 1, 2]);
  expect(await numbers({ sort_params: { ...byScore, sort_order: "ASC" }, offset: 2 })).toEqual([3]);
  expect(await numbers({ sort_params: byScore, session_ids: ids })).toBe(422);
  const none = { session_ids: [crypto.randomUUID()] };
  expect((await post(`/datasets/${datasetId}/runs`, none)).status).toBe(404);
});

test("improved and regressed examples are told apart, by the direction of the key's config", async () => {
  const [baseline = "", other = ""] = await idsOfExperiments();
  const delta = async (): Promise<unknown> => {
    const body = { baseline_session_id: baseline, comparison_session_ids: [other], feedback_key: "right" };
    return (await post(`/datasets/${datasetId}/runs/delta`, body)).body;
  };
  const ids: string[] = [];
  for await (const example of client.listExamples({ datasetId })) ids.push(example.id);
  const [one, two, three] = ids;
  const lists = (improved: unknown[], regressed: unknown[]) => ({
    feedback_deltas: {
      [other]: {
        improved_examples: expect.toSatisfy((list: string[]) => same(list, improved)),
        regressed_examples: expect.toSatisfy((list: string[]) => same(list, regressed)),
      },
    },
  });
  expect(await delta()).toEqual(lists([one, two], [three]));
  await client.createFeedbackConfig({
    feedbackKey: "right",
    feedbackConfig: { type: "continuous" },
    isLowerScoreBetter: true,
  });
  expect(await delta()).toEqual(lists([three], [one, two]));
});

function same(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && right.every((each) => left.includes(each));
}

test("an experiment from elsewhere is taken with its dataset, runs and scores, also a second one over the same rows", async () => {
  const row = crypto.randomUUID();
  const result = (answer: string, score: number) => ({
    row_id: row,
    inputs: { question: "2 + 2?" },
    expected_outputs: { answer: "4" },
    actual_outputs: { answer },
    evaluation_scores: [{ key: "exact", score }],
    start_time: "2026-01-05T10:00:00Z",
    end_time: "2026-01-05T10:00:01.5Z",
    run_metadata: { model: "ours" },
  });
  const body = (name: string, answer: string, score: number) => ({
    experiment_name: name,
    experiment_description: "from elsewhere",
    experiment_start_time: "2026-01-05T10:00:00Z",
    experiment_end_time: "2026-01-05T11:00:00Z",
    experiment_metadata: { model: "ours" },
    dataset_name: "uploaded elsewhere",
    results: [
      result(answer, score),
      { ...result("x", 0), row_id: undefined, error: "boom", actual_outputs: undefined },
      result(answer, score),
    ],
    summary_experiment_scores: [{ key: "mean", score: 0.5, comment: "of two" }],
  });
  const first = await post("/datasets/upload-experiment", body("elsewhere 1", "4", 1));
  expect(first).toMatchObject({
    status: 200,
    body: {
      dataset: { name: "uploaded elsewhere", example_count: 2, session_count: 1 },
      experiment: { name: "elsewhere 1", run_count: 3, end_time: "2026-01-05T11:00:00.000000+00:00" },
    },
  });
  const { dataset, experiment } = first.body as Record<"dataset" | "experiment", { id: string }>;
  const { body: results } = await post(`/datasets/${dataset.id}/runs`, { session_ids: [experiment.id] });
  const rows = results as readonly { id: string; runs: readonly Record<string, unknown>[] }[];
  expect(rows.find(({ id }) => id === row)?.runs).toMatchObject([
    {
      outputs: { answer: "4" },
      start_time: "2026-01-05T10:00:00.000000+00:00",
      extra: { metadata: { model: "ours" } },
      feedback_stats: { exact: { n: 1, avg: 1 } },
    },
    { outputs: { answer: "4" } },
  ]);
  expect(rows.find(({ id }) => id !== row)?.runs).toMatchObject([{ status: "error", error: "boom" }]);
  const judged = await fetch(`${api.url}/feedback?session=${experiment.id}&key=mean`);
  expect(await judged.json()).toMatchObject([{ score: 0.5, comment: "of two", run_id: null }]);

  expect((await post("/datasets/upload-experiment", body("elsewhere 1", "4", 1))).status).toBe(409);
  const second = await post("/datasets/upload-experiment", body("elsewhere 2", "5", 0));
  expect(second).toMatchObject({ status: 200, body: { dataset: { id: dataset.id, session_count: 2 } } });
  const wrong = {
    ...body("elsewhere 3", "4", 1),
    results: [{ ...result("4", 1), evaluation_scores: [{ score: 1 }] }],
  };
  expect(await post("/datasets/upload-experiment", wrong)).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ["body", "results", 0, "evaluation_scores", 0] }] },
  });
  expect(await client.hasProject({ projectName: "elsewhere 3" })).toBe(false);
  const long = { ...body("x".repeat(2_000), "4", 1), dataset_name: "not made" };
  expect((await post("/datasets/upload-experiment", long)).status).toBe(422);
  const late = { ...body("elsewhere 4", "4", 1), dataset_name: "not made", experiment_end_time: "soon" };
  expect((await post("/datasets/upload-experiment", late)).status).toBe(422);
  expect(await client.hasDataset({ datasetName: "not made" })).toBe(false);
});
