import { afterAll, beforeAll, expect, test } from "vitest";
import { queryRows } from "../../../store/index.js";
import { runApi, type RunningApi } from "../../api/running-api.js";

let api: RunningApi;
beforeAll(async () => {
  api = await runApi();
  const spans = Array.from({ length: TRACES }, (_, at) => spansOf(at + 1)).flat();
  await call("POST", "/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
});
afterAll(() => api.stop());

interface Answer {
  readonly status: number;
  // Tests look into whatever came.
  readonly body: never;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`${api.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === "" ? {} : JSON.parse(text)) as never };
}

const queue = (path = ""): string => `/api/v1/queues${path}`;
const sql = (text: string) => queryRows({ dataDir: api.dataDir, sql: text });

const GONE = "7f1b3f0e-0000-4000-8000-000000000000";

/** Traces that were sent, and how many of them tests have taken. */
const TRACES = 10;
let taken = 0;
const traceIdOf = (at: number): string => at.toString(16).padStart(32, "a");
const spanIdOf = (kind: "b" | "c", at: number): string => `${kind}${at.toString(16).padStart(15, "0")}`;

/** Two spans: a root with a tool call below it. */
function spansOf(at: number): object[] {
  const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const times = { startTimeUnixNano: "1795413600000000000", endTimeUnixNano: "1795413601000000000" };
  const root = {
    ...times,
    traceId: traceIdOf(at),
    spanId: spanIdOf("b", at),
    name: "agent",
    attributes: [
      attribute("gen_ai.prompt", JSON.stringify({ q: `question ${at}` })),
      attribute("gen_ai.completion", JSON.stringify({ a: `answer ${at}` })),
    ],
  };
  const tool = {
    ...times,
    traceId: traceIdOf(at),
    spanId: spanIdOf("c", at),
    parentSpanId: spanIdOf("b", at),
    name: "execute_tool lookup",
    attributes: [
      attribute("gen_ai.operation.name", "execute_tool"),
      attribute("gen_ai.tool.name", "lookup"),
      attribute("gen_ai.tool.call.arguments", '{"id":7}'),
      attribute("gen_ai.tool.call.result", '"found"'),
    ],
  };
  return [root, tool];
}

/** A trace that no test has taken. */
function takeTrace(): string {
  taken += 1;
  expect(taken).toBeLessThanOrEqual(TRACES);
  return traceIdOf(taken);
}

/** A queue with this many runs. */
async function queueOf(name: string, runs: number, more: object = {}): Promise<string[]> {
  expect(await call("POST", queue(), { name, ...more })).toMatchObject({ status: 200 });
  const added = await call("POST", queue(`/${name}/items`), {
    runs: Array.from({ length: runs }, () => ({ trace_id: takeTrace() })),
  });
  expect(added.status).toBe(200);
  return (added.body as { id: string }[]).map(({ id }) => id);
}

const next = (name: string, reviewer: string) => call("POST", queue(`/${name}/next`), { reviewer });
const review = (name: string, item: string | undefined, body: object) =>
  call("POST", queue(`/${name}/items/${item ?? ""}/review`), body);

test("two reviewers get different items while one is reserved, and an item is done after as many reviews as were asked for", async () => {
  const [first, second] = await queueOf("two", 2, { reservation_minutes: 60 });
  expect(await next("two", "ann")).toMatchObject({
    body: {
      item: {
        id: first,
        reserved_by: ["ann"],
        run: {
          name: "agent",
          inputs: { q: "question 1" },
          outputs: { a: "answer 1" },
          tool_calls: [{ name: "lookup", arguments: { id: 7 }, result: "found", error: null }],
        },
        feedback: [],
      },
      counts: { needs_my_review: 2, archived: 0 },
    },
  });
  expect(await next("two", "bob")).toMatchObject({ body: { item: { id: second } } });
  expect(await next("two", "cid")).toMatchObject({
    body: { item: null, counts: { needs_others_review: 2 } },
  });
  expect(await review("two", first, { reviewer: "bob", status: "completed" })).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringContaining("reserved by ann") } },
  });
  const said = { key: "correct", score: 1, comment: "yes", correction: { a: "better" } };
  expect(await review("two", first, { reviewer: "ann", feedback: [said] })).toMatchObject({
    body: { section: "archived", completed_by: ["ann"], reserved_by: [] },
  });
  expect(await review("two", second, { reviewer: "bob", status: "skipped" })).toMatchObject({
    body: { section: "needs_others_review", skipped_by: ["bob"] },
  });
  expect(await next("two", "cid")).toMatchObject({ body: { item: { id: second } } });
  expect(await review("two", second, { reviewer: "bob", status: "open" })).toMatchObject({
    body: { skipped_by: [] },
  });
  expect(await call("GET", queue())).toMatchObject({ body: [{ name: "two", items: 2, archived: 1 }] });
});

test("what a reviewer says is feedback of a human with their name that names the queue, and replaces what they said before", async () => {
  const [item] = await queueOf("said", 1, { num_reviewers_per_item: 2 });
  for (const score of [0, 1]) {
    await review("said", item, { reviewer: "ann", feedback: [{ key: "helpful", score }] });
  }
  await review("said", item, { reviewer: "bob", feedback: [{ key: "helpful", score: 0 }] });
  const { body } = await call("GET", queue(`/said/items/${item ?? ""}`));
  const { feedback } = body as { feedback: { score: number; feedback_source: object }[] };
  expect(feedback).toHaveLength(2);
  expect(feedback.map(({ score, feedback_source: source }) => ({ score, source }))).toContainEqual({
    score: 1,
    source: {
      type: "human",
      user_id: "ann",
      metadata: expect.objectContaining({ queue_name: "said", queue_item_id: item }),
    },
  });
  expect(await call("GET", queue("/said/agreement"))).toMatchObject({
    body: [{ key: "helpful", raters: ["ann", "bob"], compared: 1, pairs: [{ agreed: 0 }] }],
  });
});

test("a reviewer is shown what was said about a run however much was said later about others of its trace", async () => {
  const [item] = await queueOf("shown", 1);
  const trace = { trace_id: traceIdOf(taken) };
  const said = [
    { ...trace, key: "of the trace", score: 1 },
    { ...trace, span_id: spanIdOf("b", taken), key: "of the root", score: 1 },
  ];
  await call("POST", "/api/v1/feedback", said);
  const later = { ...trace, span_id: spanIdOf("c", taken), key: "of the tool", score: 1 };
  const many = await call(
    "POST",
    "/api/v1/feedback",
    Array.from({ length: 101 }, () => later),
  );
  expect(many.status).toBeLessThan(300);
  const { body } = await call("GET", queue(`/shown/items/${item ?? ""}`));
  const { feedback } = body as { feedback: { key: string }[] };
  expect(feedback.map(({ key }) => key).toSorted()).toEqual(["of the root", "of the trace"]);
});

test("a review without an answer that the rubric requires is refused, and changes nothing", async () => {
  const rubric = { rubric_items: [{ feedback_key: "tone", is_required: true }, { feedback_key: "other" }] };
  const [item] = await queueOf("rubric", 1, rubric);
  expect(
    await review("rubric", item, { reviewer: "ann", feedback: [{ key: "other", score: 1 }] }),
  ).toMatchObject({
    status: 422,
    body: { error: { message: expect.stringContaining("requires tone") } },
  });
  expect(await call("GET", queue(`/rubric/items/${item ?? ""}`))).toMatchObject({
    body: { completed_by: [], feedback: [] },
  });
  const both = [
    { key: "tone", score: 1 },
    { key: "other", score: 1 },
  ];
  expect((await review("rubric", item, { reviewer: "ann", feedback: both })).status).toBe(200);
});

test("a queue that is assigned needs each of its reviewers, and takes nobody else", async () => {
  const people = [{ user_id: "ann" }, { user_id: "bob" }];
  const [item] = await queueOf("assigned", 1, {
    reviewer_access_mode: "assigned",
    assigned_reviewers: people,
  });
  expect(await review("assigned", item, { reviewer: "eve" })).toMatchObject({ status: 400 });
  expect(await next("assigned", "eve")).toMatchObject({ body: { item: null } });
  expect(await review("assigned", item, { reviewer: "ann" })).toMatchObject({
    body: { section: "needs_others_review" },
  });
  expect(await review("assigned", item, { reviewer: "bob" })).toMatchObject({
    body: { section: "archived" },
  });
});

test("a run is once in a queue, unknown ones are refused as a whole, and one taken out may come back", async () => {
  const [item] = await queueOf("once", 1);
  const { body } = await call("GET", queue(`/once/items/${item ?? ""}`));
  const { run_id: runId, trace_id: traceId } = body as { run_id: string; trace_id: string };
  const again = [{ run_id: runId }, { trace_id: traceId }, { run_id: runId }];
  expect(await call("POST", queue("/once/items"), { runs: again })).toMatchObject({
    body: [{ id: item }, { id: item }, { id: item }],
  });
  const tool = { trace_id: traceId, span_id: spanIdOf("c", taken) };
  const unknown = { run_id: "7f1b3f0e-0000-4000-8000-000000000000" };
  expect(await call("POST", queue("/once/items"), { runs: [tool, unknown] })).toMatchObject({
    status: 404,
    body: { error: { message: "Run 7f1b3f0e-0000-4000-8000-000000000000 not found" } },
  });
  expect(await call("GET", queue("/once"))).toMatchObject({
    body: { items: 1, counts: { needs_my_review: 1 } },
  });
  await call("DELETE", queue(`/once/items/${item ?? ""}`));
  expect(await call("GET", queue("/once/items"))).toMatchObject({ body: [] });
  await call("POST", queue("/once/items"), { runs: [tool, { run_id: runId }] });
  expect(await call("GET", queue("/once/items"))).toMatchObject({
    body: [{ span_id: tool.span_id }, { id: item }],
  });
});

test("bad queues, items and reviews are refused with what is wrong", async () => {
  const refused: readonly (readonly [string, string, unknown, number, string])[] = [
    ["POST", "", { name: "" }, 422, "name is empty"],
    ["POST", "", { name: "two" }, 409, "already exists"],
    ["POST", "", { name: "x", num_reviewers_per_item: 0 }, 422, "num_reviewers_per_item"],
    ["POST", "", { name: "x", reservation_minutes: -1 }, 422, "reservation_minutes"],
    [
      "POST",
      "",
      { name: "x", rubric_items: [{ description: "?" }] },
      422,
      "rubric_items[0].feedback_key is missing",
    ],
    ["POST", "", { name: "x", reviewer_access_mode: "assigned" }, 422, "no assigned_reviewers"],
    ["POST", "", { name: "x", id: "7" }, 400, "id must be a UUID"],
    ["POST", "", { name: "x", num_reviewer: 2 }, 400, "There is no field num_reviewer; there are name,"],
    ["POST", "/two/items/7/review", { reviewer: "ann", stauts: "skipped" }, 400, "no field stauts"],
    ["PATCH", "/nowhere", {}, 404, "Annotation queue nowhere not found"],
    ["PATCH", "/two", { name: "once" }, 409, "already exists"],
    ["POST", "/two/items", { runs: [] }, 400, "runs must be a list"],
    ["POST", "/two/items", { runs: [{ trace_id: "7" }] }, 400, "runs[0] needs a run_id"],
    ["POST", "/two/next", {}, 400, "reviewer is required"],
    ["POST", "/two/items/7/review", { reviewer: "ann" }, 404, "Item 7 of annotation queue two not found"],
    ["POST", "/two/items/7/review", { reviewer: "ann", status: "constructor" }, 400, "status must be one of"],
    ["POST", "/two/items/7/review", { reviewer: "ann", status: 5 }, 400, "status must be one of"],
    ["GET", "/two/items?section=mine", undefined, 400, "section must be one of"],
    ["GET", "/two/agreement?level=x", undefined, 400, "level must be one of"],
  ];
  for (const [method, path, body, status, text] of refused) {
    const answer = await call(method, queue(path), body);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([status, expect.stringContaining(text)]);
  }
});

test("rules add what judge and human disagree on, and what a judge is not sure of, to a queue that they make, each run once", async () => {
  const scored = async (judge: object, human: number) => {
    const id = takeTrace();
    const about = { key: "correct", trace_id: id };
    await call("POST", "/api/v1/feedback", [
      { ...about, ...judge },
      { ...about, score: human, feedback_source: { type: "human", user_id: "ann" } },
    ]);
    return id;
  };
  const model = (score: number, metadata = {}) => ({ score, feedback_source: { type: "model", metadata } });
  const action = { type: "add_to_annotation_queue", queue: "second look" };
  const rules = [
    {
      name: "disagree",
      filter: 'and(eq(feedback_key, "correct"), gte(feedback_disagreement, 0.5))',
      actions: [action],
    },
    { name: "unsure", filter: "lt(feedback_confidence, 0.5)", actions: [action] },
    {
      name: "gone",
      filter: "lt(feedback_confidence, 0.5)",
      actions: [{ ...action, queue: undefined, queue_id: GONE }],
    },
  ];
  const wait = () => call("POST", "/api/v1/rules/wait", { deadline_ms: 60_000 });
  const soon = rules.map((rule) => ({ ...rule, debounce_seconds: 0.1 }));
  expect((await call("POST", "/api/v1/rules/apply", { rules: soon })).status).toBe(200);
  const both = await scored(model(1, { confidence: 0.2 }), 0);
  const agreed = await scored(model(1), 0.9);
  const unsure = await scored(model(0.5, { confidence: 0.4 }), 0.5);
  expect((await wait()).status).toBe(200);
  const traceIds = async () =>
    ((await call("GET", queue("/second look/items"))).body as { trace_id: string }[]).map(
      ({ trace_id: id }) => id,
    );
  expect((await traceIds()).toSorted()).toEqual([both, unsure].toSorted());
  expect(await call("GET", "/api/v1/rules/gone/logs")).toMatchObject({
    body: [{ outcome: "error", reason: `there is no annotation queue ${GONE}` }, { outcome: "error" }],
  });
  await call(
    "DELETE",
    queue(
      `/second look/items/${((await call("GET", queue("/second look/items"))).body as { id: string }[])[0]?.id ?? ""}`,
    ),
  );
  const [left] = await traceIds();
  await call("POST", "/api/v1/feedback", {
    key: "correct",
    trace_id: agreed,
    score: 0,
    feedback_source: { type: "app" },
  });
  for (const trace of [both, unsure])
    await call("POST", "/api/v1/feedback", { key: "more", trace_id: trace, score: 1 });
  await wait();
  expect(await traceIds()).toEqual([left, agreed]);
});

test("queues and reviews survive a restart; a queue that is deleted takes its items along and leaves the feedback", async () => {
  const before = await call("GET", queue("/said/items?reviewer=ann"));
  api = await api.restart();
  expect(await call("GET", queue("/said/items?reviewer=ann"))).toEqual(before);
  const [{ id } = { id: "" }] = before.body as { id: string }[];
  expect(await call("DELETE", queue("/said"))).toMatchObject({ body: { deleted: true } });
  expect(await call("GET", queue("/said"))).toMatchObject({ status: 404 });
  await call("GET", queue());
  expect(
    await sql(`SELECT (SELECT count(*) FROM queue_items WHERE id = '${id}')::INTEGER AS items,
  (SELECT count(*) FROM queue_items_history WHERE id = '${id}' AND op = 'put')::INTEGER AS changes,
  (SELECT count(*) FROM feedback WHERE key = 'helpful')::INTEGER AS feedback`),
  ).toMatchObject([{ items: 0, changes: 4, feedback: 2 }]);
});
