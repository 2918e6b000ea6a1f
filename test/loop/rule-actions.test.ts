import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startModelServer, type ModelServer } from "../../examples/support-agent/model-server.js";
import { judgementOf } from "../../loop/evaluators/judgement.js";
import { webhookSignature } from "../../loop/http/signed.js";
import { checkRecord, FEEDBACK, type JsonValue, RECORD_JSON_DEPTH_MAX } from "../../schema/index.js";
import { type RulesHarness, startRulesHarness } from "./rules-harness.js";

const SECRET = "a secret of the alert";

interface Got {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let rules: RulesHarness;
let peer: Server;
let model: ModelServer;
let url = "";
const got: Got[] = [];
/** What the peer answers to a path, in order; the last one again and again. */
const answers = new Map<string, { status: number; body?: string }[]>();

beforeAll(async () => {
  process.env["RULES_TEST_ALERT_SECRET"] = SECRET;
  process.env["RULES_TEST_MODEL_KEY"] = "sk-private";
  peer = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const path = request.url ?? "";
      const list = answers.get(path) ?? [{ status: 204 }];
      const { status, body: said = "" } = (list.length > 1 ? list.shift() : list[0]) ?? { status: 204 };
      got.push({ path, headers: request.headers, body });
      response.writeHead(status).end(said);
    });
  });
  await new Promise<void>((resolve) => peer.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
  [rules, model] = await Promise.all([startRulesHarness(), startModelServer()]);
});
afterAll(async () => {
  delete process.env["RULES_TEST_ALERT_SECRET"];
  delete process.env["RULES_TEST_MODEL_KEY"];
  await Promise.all([rules.stop(), model.close()]);
  peer.close();
});

const evaluators = (list: readonly unknown[]) =>
  rules.call("POST", "/api/v1/evaluators/apply", { evaluators: list });
const rule = (name: string, actions: readonly unknown[], more: object = {}) => ({
  name,
  filter: `eq(name, "${name}")`,
  debounce_seconds: 0,
  actions,
  ...more,
});

/** Resolves when the rule's log has an entry of that outcome for each of its runs. */
async function noted(name: string, outcome: string): Promise<Record<string, unknown>> {
  const newest = async (): Promise<Record<string, unknown>> => {
    const { body } = await rules.call("GET", `/api/v1/rules/${name}/logs`);
    return (body as Record<string, unknown>[])[0] ?? {};
  };
  await expect.poll(newest, { timeout: 60_000, interval: 200 }).toMatchObject({ outcome });
  return newest();
}

test("a SQL expression, a program and a model judge a run once each, and say with what version; a new version judges anew", async () => {
  answers.set("/judge", [
    { status: 503 },
    { status: 200, body: '{"key": "polite", "score": 0.5, "comment": "so so"}' },
  ]);
  const messages = [
    { role: "user", content: "Judge the answer.\nQuestion: {{inputs.q}}\nAnswer: {{outputs}}" },
  ];
  const judge = {
    name: "judge",
    kind: "llm",
    feedback_key: "honest",
    url: model.url,
    model: "stand-in",
    provider: "test.judges",
    messages,
  };
  const price = {
    provider: "test.judges",
    models: ["stand-in"],
    tiers: [{ above_input_tokens: 0, input: 2, output: 1_000_000, cache_read: 2 }],
    as_of: "2026-11-28",
    published: "test",
  };
  expect(await rules.call("PUT", "/api/v1/prices/judges", price)).toMatchObject({ status: 200 });
  expect(
    await evaluators([
      {
        name: "length",
        kind: "sql",
        feedback_key: "short",
        sql: "length(s.output_messages) < 10000 -- always",
      },
      {
        name: "peer",
        kind: "http",
        feedback_key: "polite",
        url: `${url}/judge`,
        redact: [{ pattern: "4417" }],
      },
      { ...judge, api_key_env: "RULES_TEST_MODEL_KEY" },
    ]),
  ).toMatchObject({ status: 200 });
  const actions = ["length", "peer", "judge"].map((evaluator) => ({ type: "run_evaluator", evaluator }));
  expect(await rules.apply([rule("judged", actions)])).toMatchObject({ status: 200 });
  const trace = await rules.sendRun({
    name: "judged",
    inputs: { q: "May I cancel MRD-4417?" },
    outputs: "It is fully refundable.",
  });
  await noted("judged", "success");

  const feedback = `SELECT f.key, f.score, f.source_type, f.data->'feedback_source'->'metadata'->>'evaluator_name' AS evaluator,
  (f.data->'feedback_source'->'metadata'->>'evaluator_version')::INTEGER AS version, e.model, e.input_tokens > 0 AS counted,
  round(e.cost_usd - (2e-6 * e.input_tokens + e.output_tokens), 9) AS beside, e.cost_source, length(e.price_version) AS priced
FROM feedback AS f JOIN evaluator_runs AS e ON e.feedback_id = f.id
  AND e.id = (f.data->'feedback_source'->'metadata'->'__run'->>'run_id') WHERE f.trace_id = '${trace}' ORDER BY f.key, version`;
  const honest = {
    key: "honest",
    score: 0,
    source_type: "model",
    evaluator: "judge",
    version: 1,
    model: "stand-in",
    counted: true,
    beside: 0,
    cost_source: "price",
    priced: 12,
  };
  const others = [
    {
      key: "polite",
      score: 0.5,
      source_type: "model",
      evaluator: "peer",
      version: 1,
      model: null,
      counted: null,
      beside: null,
      cost_source: null,
      priced: null,
    },
    {
      key: "short",
      score: 1,
      source_type: "code",
      evaluator: "length",
      version: 1,
      model: null,
      counted: null,
      beside: null,
      cost_source: null,
      priced: null,
    },
  ];
  expect(await rules.sql(feedback)).toEqual([honest, ...others]);
  const asked = got.filter(({ path }) => path === "/judge");
  expect(asked.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    expect.objectContaining({
      run: expect.objectContaining({ inputs: { q: "May I cancel MRD-[redacted]?" } }),
    }),
    expect.anything(),
  ]);
  expect(new Set(asked.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);

  // What comes again is judged by nobody again, until an evaluator changes.
  await rules.call("POST", "/api/v1/feedback", { key: "note", trace_id: trace, score: 1 });
  await rules.rulesAreThrough();
  expect(await evaluators([{ ...judge, description: "another version" }])).toMatchObject({ status: 200 });
  await rules.call("POST", "/api/v1/rules/judged/backfill", {});
  await expect
    .poll(() => rules.sql(feedback), { timeout: 60_000, interval: 200 })
    .toEqual([honest, { ...honest, version: 2 }, ...others]);
  expect(got.filter(({ path }) => path === "/judge")).toHaveLength(2);
  const [all] = await rules.sql(
    "SELECT (SELECT list(data)::VARCHAR FROM evaluators_history) || (SELECT list(data)::VARCHAR FROM rule_runs_history) AS text",
  );
  expect(all?.["text"]).not.toContain("sk-private");
});

test("an alert is one event and is told once, signed, until its receiver has it; then the rule is quiet for a while", async () => {
  answers.set("/alert", [{ status: 500 }, { status: 200 }]);
  const alert = {
    type: "alert",
    severity: "critical",
    summary: "An angry guest",
    quiet_minutes: 60,
    url: `${url}/alert`,
    secret_env: "RULES_TEST_ALERT_SECRET",
  };
  expect(await rules.apply([rule("angry", [alert])])).toMatchObject({ status: 200 });
  const trace = await rules.sendRun({ name: "angry" });
  const entry = await noted("angry", "success");
  const tries = got.filter(({ path }) => path === "/alert");
  expect(tries).toHaveLength(2);
  const [event, ...more] = (await rules.call("GET", "/api/v1/alerts?rule=angry")).body as Record<
    string,
    unknown
  >[];
  expect([event, more]).toEqual([
    expect.objectContaining({
      trace_id: trace,
      severity: "critical",
      summary: "An angry guest",
      rule_name: "angry",
    }),
    [],
  ]);
  for (const { headers, body } of tries) {
    const id = headers["webhook-id"] as string;
    const timestamp = headers["webhook-timestamp"] as string;
    expect([id, headers["idempotency-key"]]).toEqual([event?.["id"], event?.["id"]]);
    expect(headers["webhook-signature"]).toBe(webhookSignature(SECRET, { id, timestamp, body }));
    expect(JSON.parse(body)).toMatchObject({
      type: "alert_event",
      alert_id: id,
      severity: "critical",
      runs: [{ trace_id: trace }],
    });
  }
  expect(entry).toMatchObject({ actions: [{ action: "alert", made_id: event?.["id"] }] });

  await rules.sendRun({ name: "angry" });
  await rules.rulesAreThrough();
  expect(await noted("angry", "success")).toMatchObject({
    reason: expect.stringContaining("less than 60 minutes old"),
  });
  expect(await rules.sql("SELECT count(*)::INTEGER AS events FROM alert_events_history")).toEqual([
    { events: 1 },
  ]);
});

test("a tag that a rule puts on a run is among its tags in SQL, in filters and in LangSmith's API, and one that someone took away stays away", async () => {
  const tag = { type: "tag", tag: "look at this" };
  expect(await rules.apply([rule("tagged", [tag, { type: "pin", reason: "evidence" }])])).toMatchObject({
    status: 200,
  });
  const trace = await rules.sendRun({ name: "tagged" });
  await rules.rulesAreThrough();
  const tags = `SELECT tags FROM spans WHERE trace_id = '${trace}'`;
  expect(await rules.sql(tags)).toEqual([{ tags: '["look at this"]' }]);
  const query = async () => {
    const { body } = await rules.call("POST", "/runs/query", {
      filter: 'has(tags, "look at this")',
      select: ["tags"],
    });
    return (body as { runs: { trace_id: string; tags: string[] }[] }).runs;
  };
  expect(await query()).toMatchObject([{ tags: ["look at this"] }]);
  const [pin] = (await rules.call("GET", "/api/v1/pins")).body as Record<string, unknown>[];
  expect(pin).toMatchObject({ trace_id: trace, reason: "evidence", rule_name: "tagged" });

  const run = { trace_id: trace, span_id: rules.spans.toString(16).padStart(16, "b") };
  expect(await rules.call("POST", "/api/v1/run-tags", { ...run, tag: "mine" })).toMatchObject({
    status: 200,
  });
  expect(await rules.call("DELETE", `/api/v1/run-tags?trace=${trace}&tag=look%20at%20this`)).toMatchObject({
    status: 200,
  });
  expect(await rules.call("DELETE", `/api/v1/pins/${trace}`)).toMatchObject({ status: 200 });
  expect(await rules.call("DELETE", `/api/v1/pins/${trace}`)).toMatchObject({ status: 404 });
  await rules.apply([
    { ...rule("tagged", [tag, { type: "pin", reason: "evidence" }]), description: "once more" },
  ]);
  await rules.call("POST", "/api/v1/rules/tagged/backfill", {});
  await rules.rulesAreThrough();
  expect(await rules.sql(tags)).toEqual([{ tags: '["mine"]' }]);
  expect((await rules.call("GET", "/api/v1/pins")).body).toEqual([]);
});

test("an answer that no feedback may hold is an error of the evaluator at once, and is not asked for without end", () => {
  const evaluator = { id: "", name: "e", version: 1, feedbackKey: "k", data: {} };
  const nested = (depth: number): JsonValue =>
    JSON.parse('{"a":'.repeat(depth) + "1" + "}".repeat(depth)) as JsonValue;
  for (const answer of ["1e400", '{"score":-1e400}', '{"score":1e400,"value":"x"}']) {
    expect(() => judgementOf(evaluator, JSON.parse(answer) as JsonValue)).toThrow(/score that is not finite/);
  }
  for (const depth of [RECORD_JSON_DEPTH_MAX, 100_000]) {
    expect(() => judgementOf(evaluator, { value: nested(depth) })).toThrow(/nested more than/);
  }
  const most = judgementOf(evaluator, { value: nested(RECORD_JSON_DEPTH_MAX - 1) });
  checkRecord(FEEDBACK, { key: "k", trace_id: "a".repeat(32), value: most?.value ?? null });
});

test("evaluators and rules that can't work are refused and named: what is wrong, cycles through an evaluator, one that rules use", async () => {
  const llm = { name: "x", kind: "llm", feedback_key: "k", url: "http://127.0.0.1:1/v1", model: "m" };
  const wrong: readonly (readonly [object, string])[] = [
    [{ name: "x", kind: "sql", feedback_key: "k" }, "needs sql"],
    [{ name: "x", kind: "sql", feedback_key: "k", sql: "no_such_column" }, "sql: "],
    [{ name: "x", kind: "sql", feedback_key: "k", sql: "1", model: "m" }, "has model"],
    [{ name: "x", kind: "http", feedback_key: "k", url: "ftp://x" }, "url"],
    [
      { name: "x", kind: "http", feedback_key: "k", url: "http://x", redact: [{ pattern: "(" }] },
      "redact[0].pattern",
    ],
    [{ name: "x", kind: "python", feedback_key: "k" }, "kind"],
    [{ ...llm, messages: [{ role: "user", content: "{{inptus}}" }] }, "{{inptus}}"],
    [
      { ...llm, messages: [{ role: "user", content: "x" }], output: { type: "category", categories: ["a"] } },
      "categories",
    ],
  ];
  for (const [evaluator, text] of wrong) {
    const { status, body } = await evaluators([evaluator]);
    expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining(text)]);
  }
  const cyclic = rule("cyclic", [{ type: "run_evaluator", evaluator: "circular" }], {
    filter: 'eq(feedback_key, "again")',
  });
  expect(await rules.apply([cyclic])).toMatchObject({ status: 422 });
  const circular = { name: "circular", kind: "sql", feedback_key: "other", sql: "true" };
  expect(await evaluators([circular])).toMatchObject({ status: 200 });
  expect(await rules.apply([cyclic])).toMatchObject({ status: 200 });
  const again = await evaluators([{ ...circular, feedback_key: "again" }]);
  expect([again.status, JSON.stringify(again.body)]).toEqual([
    422,
    expect.stringContaining("sets it off again"),
  ]);
  expect(await rules.call("DELETE", "/api/v1/evaluators/circular")).toMatchObject({ status: 409 });
  const answer = await rules.apply([rule("wrong", [{ type: "alert", url: "http://x", url_env: "X" }])]);
  expect(answer.status).toBe(422);
});

test("a rule over threads takes the last root of each, with every turn; its mapping makes the example that a preview shows", async () => {
  const action = {
    type: "add_to_dataset",
    dataset: "conversations",
    outputs: "output",
    input_mapping: { asked: "$.thread[*].inputs.q", last: "inputs.q", none: "inputs.q.x" },
    output_mapping: { answer: 'outputs["a"]' },
  };
  const whole = rule("talk", [action, { type: "add_to_annotation_queue", queue: "talks" }], {
    scope: "thread",
  });
  const first = await rules.sendRun({
    name: "talk",
    thread: "chat",
    inputs: { q: "one" },
    outputs: { a: "eins" },
  });
  const second = await rules.sendRun({
    name: "talk",
    thread: "chat",
    start: "1795413700000000000",
    inputs: { q: "two" },
    outputs: { a: "zwei" },
  });
  const example = { inputs: { asked: ["one", "two"], last: "two" }, outputs: { answer: "zwei" } };
  const preview = async (trace: string) =>
    (await rules.call("POST", "/api/v1/rules/preview", { rule: whole, trace_id: trace })).body as unknown;
  expect(await preview(first)).toEqual([]);
  expect(await preview(second)).toMatchObject([
    {
      trace_id: second,
      outcome: "success",
      makes: expect.arrayContaining([{ type: "example", data: expect.objectContaining(example) }]),
    },
  ]);
  expect(
    await rules.sql("SELECT count(*)::INTEGER AS made FROM datasets WHERE name = 'conversations'"),
  ).toEqual([{ made: 0 }]);
  expect(await rules.apply([whole])).toMatchObject({ status: 200 });
  await rules.call("POST", "/api/v1/rules/talk/backfill", {});
  await rules.rulesAreThrough();
  const made = await rules.sql(
    `SELECT e.inputs, e.outputs FROM examples AS e JOIN datasets AS d ON d.id = e.dataset_id WHERE d.name = 'conversations'`,
  );
  expect(
    made.map((row) => ({
      inputs: JSON.parse(row["inputs"] as string) as unknown,
      outputs: JSON.parse(row["outputs"] as string) as unknown,
    })),
  ).toEqual([example]);
  expect(
    await rules.sql("SELECT trace_id, data->'added_by'->>'thread_id' AS thread FROM queue_items"),
  ).toEqual([{ trace_id: second, thread: "chat" }]);
  const wrong = await rules.apply([rule("wrong", [{ ...action, input_mapping: { x: "prompt.q" } }])]);
  expect([wrong.status, JSON.stringify(wrong.body)]).toEqual([
    422,
    expect.stringContaining("input_mapping.x"),
  ]);
});
