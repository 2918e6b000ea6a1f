import type { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { clientOf, collect } from "./sdk.js";

let api: RunningApi;
let client: Client;
beforeAll(async () => {
  api = await runApi();
  client = clientOf(api);
});
afterAll(() => api.stop());

async function call(method: string, path: string, body?: object) {
  const answer = await fetch(`${api.url}/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // Tests look into whatever came.
  return { status: answer.status, body: (await answer.json()) as never };
}

const rules = async (query = ""): Promise<object[]> => (await call("GET", `/runs/rules${query}`)).body;

test("a run rule made in LangSmith's words acts, is listed, changed without losing what LangSmith has no word for, and logged", async () => {
  const { id: session } = await client.createProject({ projectName: "ruled" });
  const dataset = await client.createDataset("from rule");
  const queue = await client.createAnnotationQueue({ name: "by rule" });
  const made = await call("POST", "/runs/rules", {
    display_name: "bad ones",
    sampling_rate: 1,
    session_id: session,
    filter: 'eq(feedback_key, "bad")',
    add_to_annotation_queue_id: queue.id,
    add_to_dataset_id: dataset.id,
    add_to_dataset_prefer_correction: true,
    evaluators: null,
    extend_dataset_trace_retention: true,
  });
  expect(made).toMatchObject({
    status: 200,
    body: {
      display_name: "bad ones",
      is_enabled: true,
      session_name: "ruled",
      add_to_dataset_name: "from rule",
    },
  });
  const { id } = made.body as { id: string };
  const runId = crypto.randomUUID();
  const run = { id: runId, trace_id: runId, dotted_order: `20261123T100000000000Z${runId}`, name: "asked" };
  const times = {
    start_time: Date.parse("2026-11-23T10:00:00Z"),
    end_time: Date.parse("2026-11-23T10:00:01Z"),
  };
  await client.createRun({
    ...run,
    ...times,
    run_type: "chain",
    project_name: "ruled",
    inputs: { q: 1 },
    outputs: { a: 1 },
  });
  await client.awaitPendingTraceBatches();
  await call("POST", "/feedback", {
    key: "bad",
    run_id: runId,
    trace_id: runId,
    score: 1,
    correction: { a: 2 },
  });
  expect(await call("POST", `/runs/rules/${id}/trigger`)).toMatchObject({ status: 200 });
  expect((await collect(client.listRunsFromAnnotationQueue(queue.id))).map((each) => each.id)).toEqual([
    runId,
  ]);
  expect(
    (await collect(client.listExamples({ datasetId: dataset.id }))).map(({ outputs }) => outputs),
  ).toEqual([{ a: 2 }]);
  const success = { outcome: "success", payload: { made_id: expect.any(String) } };
  expect(await call("GET", `/runs/rules/${id}/logs?limit=1440`)).toMatchObject({
    body: [
      {
        rule_id: id,
        run_id: runId,
        run_name: "asked",
        add_to_annotation_queue: success,
        add_to_dataset: success,
      },
    ],
  });
  expect(await call("GET", `/runs/rules/${id}/logs?end_time=2026-01-01T00:00:00`)).toMatchObject({
    body: [],
  });

  const native = await call("GET", `/rules/${id}`);
  const { actions, ...rest } = native.body as { actions: object[] };
  const mark = { type: "add_feedback", key: "seen", score: 1 };
  await call("PUT", `/rules/${id}`, { ...rest, actions: [...actions, mark], debounce_seconds: 1 });
  const [listed] = await rules(`?session_id=${session}`);
  expect(listed).toMatchObject({
    id,
    add_to_annotation_queue_name: "by rule",
    add_to_dataset_prefer_correction: true,
  });
  const back = { ...listed, display_name: "worse ones", is_enabled: false, add_to_dataset_id: null };
  expect(await call("PATCH", `/runs/rules/${id}`, back)).toMatchObject({
    body: { display_name: "worse ones", is_enabled: false, add_to_dataset_id: null },
  });
  expect(await call("GET", `/rules/${id}`)).toMatchObject({
    body: { debounce_seconds: 1, actions: [{ type: "add_to_annotation_queue", queue_id: queue.id }, mark] },
  });
  expect(await rules("?type=dataset")).toEqual([]);
  expect((await call("DELETE", `/runs/rules/${id}`)).status).toBe(200);
  expect(await rules()).toEqual([]);
});

test("what our rules can't say is refused by name, and nothing is made", async () => {
  const queue = await client.createAnnotationQueue({ name: "target" });
  const rule = { display_name: "r", sampling_rate: 1, add_to_annotation_queue_id: queue.id };
  const gone = crypto.randomUUID();
  const refused: readonly (readonly [object, number, string])[] = [
    [{ code_evaluators: [{ code: "x" }] }, 501, "evaluators (code_evaluators)"],
    [{ alerts: [{ routing_key: "x" }] }, 501, "alerts"],
    [{ dataset_id: gone }, 501, "experiments of a dataset"],
    [{ backfill_from: "2026-01-01T00:00:00Z" }, 501, "/backfill"],
    [{ group_by: "thread_id" }, 501, "threads"],
    [{ webhooks: [{ url: "https://hooks.example" }] }, 501, "/api/v1/rules"],
    [{ fliter: "true" }, 422, "is no field of a run rule"],
    [{ filter: "eq(nme, 1)" }, 422, "nme"],
    [{ sampling_rate: "all" }, 422, "must be a number"],
    [{ sampling_rate: 2 }, 422, "sampling_rate"],
    [{ session_id: gone }, 404, "not found"],
    [{ add_to_dataset_id: gone }, 404, "not found"],
    [{ add_to_annotation_queue_id: null }, 422, "what to do with the runs"],
    [{ display_name: null }, 422, "name is missing"],
  ];
  for (const [more, status, text] of refused) {
    const answer = await call("POST", "/runs/rules", { ...rule, ...more });
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([status, expect.stringContaining(text)]);
  }
  expect(await rules()).toEqual([]);
  expect((await call("PATCH", `/runs/rules/${gone}`, {})).status).toBe(404);
});
