import { randomUUID } from "node:crypto";
import { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ruleOfLangSmith } from "../../../loop/import/langsmith/rules.js";
import { type ImportReport, verifyLangSmith } from "../../../loop/index.js";
import type { JsonObject } from "../../../schema/index.js";
import { type TwoServers, twoServers } from "./two-servers.js";

let servers: TwoServers;

beforeAll(async () => {
  servers = await twoServers();
});

afterAll(() => servers.stop());

type Json = Readonly<Record<string, unknown>>;

async function read(url: string, path: string): Promise<unknown> {
  const response = await fetch(url + path);
  expect(response.status).toBe(200);
  return response.json();
}

function typesIn({ types }: ImportReport): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    types.map(({ type, found, stored, unchanged }) => [type, [found, stored, unchanged]]),
  );
}

async function sendRun(name: string): Promise<string> {
  const id = randomUUID();
  const run = { id, trace_id: id, dotted_order: `20261120T100000000000Z${id}`, name, run_type: "chain" };
  const times = { start_time: "2026-11-20T10:00:00Z", end_time: "2026-11-20T10:00:01Z" };
  const body = JSON.stringify({ ...run, ...times, session_name: "reviewed" });
  expect((await fetch(`${servers.far.url}/runs`, { method: "POST", body })).status).toBe(202);
  return id;
}

test("annotation queues come over with rubric, items and reviews; rules come switched off, and what can't is named", async () => {
  const { far, near } = servers;
  const headers = { "content-type": "application/json" };
  const post = async (path: string, body: unknown, at = far): Promise<Json> => {
    const response = await fetch(at.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    expect(response.status, await response.clone().text()).toBe(200);
    return (await response.json()) as Json;
  };
  const [first, second] = [await sendRun("one"), await sendRun("two")];
  const rubric = [{ feedback_key: "tone", description: "polite?", is_required: true }];
  const queue = await post("/annotation-queues", { name: "to review", rubric_items: rubric });
  const at = `/annotation-queues/${String(queue["id"])}`;
  const items = (await post(`${at}/runs`, [first, second])) as unknown as Json[];
  await post(`/annotation-queues/status/${String(items[0]?.["id"])}`, { status: "completed" });
  const dataset = await post("/datasets", { name: "by a rule" });
  const [project] = (await read(far.url, "/sessions?name=reviewed")) as Json[];
  const rule = {
    sampling_rate: 0.5,
    session_id: project?.["id"],
    filter: 'eq(name, "one")',
    add_to_dataset_id: dataset["id"],
    add_to_dataset_prefer_correction: true,
  };
  const { id: ruleId } = await post("/runs/rules", { ...rule, display_name: "collect" });
  await post("/annotation-queues", { name: "to review" }, near);
  const evaluators = new Client({ apiUrl: far.url, apiKey: "any" }).evaluators;
  const code = { code: "def perform_eval(run): return {'short': 1}", language: "python" };
  const { evaluator } = await evaluators.create({ name: "short", type: "code", code_evaluator: code });

  const report = await servers.pull();
  expect(report.types.filter(({ skipped, failed }) => skipped.length > 0 || failed !== undefined)).toEqual(
    [],
  );
  expect(typesIn(report)).toMatchObject({
    "annotation queues": [1, 1, 0],
    "queue items": [2, 2, 0],
    rules: [1, 1, 0],
    "online evaluators": [1, 1, 0],
  });
  const there = `/v1/platform/evaluators/${String(evaluator?.id)}`;
  expect(await read(near.url, there)).toEqual(await read(far.url, there));
  expect(await read(near.url, at)).toMatchObject({
    name: `to review (${String(queue["id"])})`,
    rubric_items: rubric,
    total_runs: 2,
  });
  const runsOf = async (url: string): Promise<unknown[]> =>
    ((await read(url, `${at}/runs`)) as Json[]).map((each) => [
      each["id"],
      each["name"],
      each["queue_run_id"],
      each["added_at"],
      each["last_reviewed_time"],
      each["completed_by"],
    ]);
  expect(await runsOf(near.url)).toEqual(await runsOf(far.url));
  const rules = (await read(near.url, "/runs/rules")) as Json[];
  expect(rules).toMatchObject([{ ...rule, id: ruleId, display_name: "collect", is_enabled: false }]);
  const patched = await fetch(`${near.url}/runs/rules/${String(ruleId)}`, {
    method: "PATCH",
    headers,
    body: '{"is_enabled": true}',
  });
  expect(await patched.json()).toMatchObject({ is_enabled: true });

  const verified = await verifyLangSmith({ source: servers.source(), door: servers.door });
  const others = verified.types.filter(({ type }) => type.endsWith("queues") || type.endsWith("evaluators"));
  expect(others).toMatchObject([
    { type: "annotation queues", there: { count: 1 }, missingHere: { count: 0 }, onlyHere: { count: 1 } },
    { type: "online evaluators", there: { count: 1 }, here: { count: 1 }, differing: { count: 0 } },
  ]);
  expect(verified.equal).toBe(true);

  const again = await servers.pull();
  expect(typesIn(again)).toMatchObject({
    "annotation queues": [1, 0, 1],
    "queue items": [2, 0, 2],
    rules: [1, 0, 1],
    "online evaluators": [1, 0, 1],
  });
});

test("the generated client makes, lists, changes and deletes online evaluators, which come back as they were given", async () => {
  const { evaluators } = new Client({
    apiUrl: servers.far.url,
    apiKey: "any",
    callerOptions: { maxRetries: 0 },
  });
  const prompt = {
    prompt_repo_handle: "judge",
    commit_hash_or_tag: "latest",
    variable_mapping: { in: "inputs" },
  };
  const { evaluator: made } = await evaluators.create({ name: "polite", type: "llm", llm_evaluator: prompt });
  const id = made?.id ?? "";
  expect(made).toMatchObject({ name: "polite", type: "llm", llm_evaluator: { ...prompt, evaluator_id: id } });
  const tag = { llm_evaluator: { commit_hash_or_tag: "v2" } };
  const { evaluator: changed } = await evaluators.update(id, { name: "kind", ...tag });
  expect(changed).toMatchObject({ name: "kind", llm_evaluator: { ...prompt, commit_hash_or_tag: "v2" } });
  const found = [];
  for await (const each of evaluators.list({ name_contains: "KIN" })) found.push(each);
  expect(found).toEqual([await evaluators.retrieve(id)]);
  expect(await evaluators.spend({ period_start: "2026-11-20T00:00:00Z", evaluator_id: id })).toMatchObject({
    groups: [],
  });
  await expect(evaluators.create({ name: "no program", type: "code" })).rejects.toMatchObject({
    status: 422,
  });
  const other = randomUUID();
  expect(await evaluators.bulkDelete({ evaluator_ids: [id, other] })).toMatchObject({
    succeeded: [id],
    failed: [{ id: other }],
  });
  await expect(evaluators.retrieve(id)).rejects.toMatchObject({ status: 404 });
});

test("a rule that only LangSmith can follow is skipped with its reason, and its secrets are not kept", () => {
  const id = randomUUID();
  const add = { add_to_dataset_id: randomUUID() };
  const shape = (item: JsonObject): unknown => ruleOfLangSmith({ id, ...item }, "name", new Map());
  expect(shape({ evaluators: [{ structured: {} }] })).toMatch("does nothing that rules here can do");
  expect(shape({ ...add, dataset_id: id })).toMatch("over the experiments of a dataset");
  expect(shape({ ...add, session_id: id })).toMatch(id);
  expect(shape({ ...add, filter: "eq(" })).toMatch("filter");
  const webhooks = [{ url: "https://a.example", headers: { authorization: "secret" } }];
  expect(shape({ ...add, webhooks, is_enabled: true, alerts: null })).toMatchObject({
    enabled: false,
    langsmith: { is_enabled: true, webhooks: [{ url: "https://a.example" }] },
  });
  expect(JSON.stringify(shape({ ...add, webhooks }))).not.toContain("secret");
});
