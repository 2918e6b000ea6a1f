import type { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCsv, QUEUE_ADD_MAX } from "../../../schema/index.js";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { clientOf, collect } from "./sdk.js";

let api: RunningApi;
let client: Client;
const runIds: string[] = [];
let sessionId: string;
const START = "2026-11-23T10:00:00.000000Z";

beforeAll(async () => {
  api = await runApi();
  client = clientOf(api);
  for (const at of [0, 1, 2]) {
    const id = crypto.randomUUID();
    runIds.push(id);
    await client.createRun({
      id,
      trace_id: id,
      dotted_order: `20261123T10000${at}000000Z${id}`,
      name: `run ${at}`,
      run_type: "chain",
      project_name: "reviewed",
      inputs: { q: at },
      outputs: { a: at },
      start_time: Date.parse(START) + at * 1_000,
      end_time: Date.parse(START) + at * 1_000 + 500,
    });
  }
  await client.awaitPendingTraceBatches();
  sessionId = (await client.readProject({ projectName: "reviewed" })).id;
});

afterAll(async () => {
  await api.stop();
});

const keyOf = (runId: string) => ({ runId, sessionId, startTime: START });

test("a queue is created with its rubric, read with the feedback configs of it, listed, changed and deleted", async () => {
  await client.createFeedbackConfig({
    feedbackKey: "grade",
    feedbackConfig: { type: "continuous", min: 0, max: 1 },
  });
  const rubricItems = [
    {
      feedback_key: "grade",
      description: "how good",
      is_required: true,
      score_descriptions: { "1": "good" },
    },
  ];
  const made = await client.createAnnotationQueue({
    name: "first",
    description: "look",
    rubricInstructions: "be fair",
    rubricItems,
  });
  expect(made).toMatchObject({ name: "first", description: "look", queue_type: "single" });
  const read = await client.readAnnotationQueue(made.id);
  expect(read).toMatchObject({
    rubric_instructions: "be fair",
    rubric_items: [
      { ...rubricItems[0], feedback_config: { feedback_key: "grade", feedback_config: { max: 1 } } },
    ],
  });
  const copied = await client.createAnnotationQueue({ name: "copy", rubricItems: read.rubric_items ?? [] });
  expect((await client.readAnnotationQueue(copied.id)).rubric_items).toEqual(read.rubric_items);
  await expect(client.createAnnotationQueue({ name: "first" })).rejects.toThrow("already exists");
  await client.updateAnnotationQueue(made.id, { name: "renamed", rubricInstructions: "be quick" });
  expect(await client.readAnnotationQueue(made.id)).toMatchObject({
    name: "renamed",
    description: "look",
    rubric_instructions: "be quick",
  });
  const names = async (options = {}) =>
    (await collect(client.listAnnotationQueues(options))).map(({ name }) => name);
  expect(await names()).toEqual(["copy", "renamed"]);
  expect(await names({ nameContains: "OP" })).toEqual(["copy"]);
  expect(await names({ name: "renamed" })).toEqual(["renamed"]);
  expect(await names({ queueIds: [copied.id] })).toEqual(["copy"]);
  await client.deleteAnnotationQueue(made.id);
  await client.deleteAnnotationQueue(copied.id);
  expect(await names()).toEqual([]);
  await expect(client.readAnnotationQueue(made.id)).rejects.toThrow("not found");
  await expect(client.updateAnnotationQueue(made.id, { name: "x" })).rejects.toThrow("not found");
});

test("runs are added by id and by key, read in order with their content, and taken out", async () => {
  const { id } = await client.createAnnotationQueue({ name: "runs" });
  const [first = "", second = "", third = ""] = runIds;
  await client.addRunsToAnnotationQueue(id, [keyOf(second), keyOf(first)]);
  await client.addRunsToAnnotationQueue(id, [third, second]);
  expect(await client.getSizeFromAnnotationQueue(id)).toEqual({ size: 3 });
  const listed = await collect(client.listRunsFromAnnotationQueue(id));
  expect(listed.map((run) => run.id)).toEqual([second, first, third]);
  expect(listed[0]).toMatchObject({
    name: "run 1",
    inputs: { q: 1 },
    outputs: { a: 1 },
    queue_run_id: expect.any(String),
    added_at: expect.any(String),
  });
  const at = await client.getRunFromAnnotationQueue(id, 1);
  expect(at.id).toBe(first);
  await expect(client.getRunFromAnnotationQueue(id, 3)).rejects.toThrow("not found");
  const { queue_run_id: item } = at as typeof at & { readonly queue_run_id: string };
  await client.deleteRunFromAnnotationQueue(id, item);
  // Python's client names the run itself.
  await client.deleteRunFromAnnotationQueue(id, third);
  await expect(client.deleteRunFromAnnotationQueue(id, third)).rejects.toThrow("not found");
  expect((await collect(client.listRunsFromAnnotationQueue(id))).map((run) => run.id)).toEqual([second]);
  await expect(client.addRunsToAnnotationQueue(id, [crypto.randomUUID()])).rejects.toThrow("not found");
});

test("the generated client views, completes, reopens and puts back runs, counts sections and finds places", async () => {
  const queues = client.annotationQueues;
  const [first = "", second = "", third = ""] = runIds;
  const { id } = await queues.annotationQueues({ name: "sections", reservation_minutes: 60 });
  await queues.populate({ queue_id: id, session_ids: [sessionId] });
  const order = async (status: "needs_my_review" | "archived") =>
    (await queues.items.list(id, { status })).items.map(({ run_id: run }) => run);
  expect(await order("needs_my_review")).toEqual([first, second, third]);
  const items = (await queues.items.list(id, { status: "needs_my_review", page_size: 2 })).items;
  const [one = "", two = ""] = items.map(({ id: item }) => item ?? "");
  const paged: unknown[] = [];
  for await (const item of queues.items.list(id, { status: "needs_my_review", page_size: 2 }))
    paged.push(item.run_id);
  expect(paged).toEqual(runIds);
  await queues.createRunStatus(one, { status: "viewed" });
  expect((await queues.items.list(id, { status: "needs_my_review" })).items[0]?.reserved_by).toHaveLength(1);
  expect(await queues.items.createStatus(one, { status: "completed" })).toMatchObject({ is_archived: true });
  await queues.items.createStatus(two, { override_added_at: "2100-01-01T00:00:00Z" });
  expect(await order("needs_my_review")).toEqual([third, second]);
  expect(await queues.items.retrievePlacement(two, { queue_id: id })).toMatchObject({
    section: "needs_my_review",
    position: 1,
  });
  expect(await order("archived")).toEqual([first]);
  expect(await collect(client.listRunsFromAnnotationQueue(id, { status: "completed" }))).toMatchObject([
    { id: first, completed_by: [expect.any(String)], last_reviewed_time: expect.any(String) },
  ]);
  const sizes = [
    await queues.retrieveSize(id),
    await queues.retrieveTotalSize(id),
    await queues.retrieveTotalArchived(id),
    await queues.retrieveTotalArchived(id, { end_time: START }),
  ];
  expect(sizes).toMatchObject([{ size: 2 }, { size: 3 }, { size: 1 }, { size: 0 }]);
  expect(await queues.items.retrieveCount(id, { status: "all" })).toEqual({ count: 3 });
  expect(await queues.items.retrieveCount(id, { status: "needs_my_review", max_start_time: START })).toEqual({
    count: 0,
  });
  const said = { key: "tone", score: 1, comment: '=1+1 "quoted"' };
  await client.createFeedback(first, "tone", { score: said.score, comment: said.comment });
  const exported = await queues.export(id, { include_annotator_detail: true });
  const [head = [], line = [], ...others] = parseCsv(String(exported));
  expect(others).toEqual([]);
  expect(head).toEqual(expect.arrayContaining(["run_id", "inputs", "feedback", "completed_by"]));
  expect(line[0]).toBe(first);
  expect(JSON.parse(line[head.indexOf("feedback")] ?? "")).toMatchObject([said]);
  expect(parseCsv(String(await queues.export(id, { end_time: START })))).toHaveLength(1);
  await queues.createRunStatus(one, {});
  expect(await order("archived")).toEqual([]);
  expect((await queues.retrieveQueues(first)).map(({ id: queue }) => queue)).toContain(id);
  expect(await queues.items.update(one, { queue_id: id, added_at: "2026-11-23T10:00:00Z" })).toMatchObject({
    added_at: "2026-11-23T10:00:00Z",
  });
  await queues.items.deleteAll(id, { item_ids: [one] });
  await queues.runs.deleteAll(id, { delete_all: true, exclude_run_ids: [third] });
  expect((await queues.runs.list(id)).map((run) => run.id)).toEqual([third]);
  await expect(
    queues.items.create(id, { items: [{ item_type: "THREAD", thread_id: "t", project_id: sessionId }] }),
  ).rejects.toThrow("not threads");
});

test("more items than one call may add are refused before any of them is looked for", async () => {
  const { id } = await client.createAnnotationQueue({ name: "too many" });
  const items = Array.from({ length: QUEUE_ADD_MAX + 1 }, () => ({ run_id: crypto.randomUUID() }));
  await expect(client.annotationQueues.items.create(id, { items })).rejects.toThrow("must have at most");
});

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
    group_by: null,
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
  // A trigger does not wait as long as a slow machine may take.
  await call("POST", "/rules/wait", { deadline_ms: 60_000 });
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
  expect(await call("PATCH", `/runs/rules/${id}`, { ...back, group_by: "thread_id" })).toMatchObject({
    body: { display_name: "worse ones", is_enabled: false, add_to_dataset_id: null, group_by: "thread_id" },
  });
  expect(await call("GET", `/rules/${id}`)).toMatchObject({ body: { scope: "thread" } });
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
    [{ code_evaluators: [{ code: "x" }] }, 501, "/api/v1/evaluators (code_evaluators)"],
    [{ alerts: [{ routing_key: "x" }] }, 501, "alerts"],
    [{ dataset_id: gone }, 501, "experiments of a dataset"],
    [{ backfill_from: "2026-01-01T00:00:00Z" }, 501, "/backfill"],
    [{ group_by: "user_id" }, 422, "must be thread_id or null"],
    [{ webhooks: [{ url: "https://hooks.example" }] }, 501, "/api/v1/rules"],
    [{ constructor: true }, 422, "is no field of a run rule"],
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
