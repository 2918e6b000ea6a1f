import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServerDoor, importLangSmith, LangSmithSource, verifyLangSmith } from "../../loop/index.js";
import { importPrompts } from "../../loop/import/langsmith/prompts.js";
import { ImportTally } from "../../loop/import/langsmith/report.js";
import { RunPages } from "../../loop/import/langsmith/run-pages.js";
import { StateFile } from "../../loop/import/langsmith/state.js";
import { canonicalJson, type JsonObject, type JsonValue } from "../../schema/index.js";
import { runApi, type RunningApi } from "../api/running-api.js";
import { FaultyProxy, type ProxyFault } from "../support/faulty-proxy.js";

/** `far` is the LangSmith of `near`, behind a proxy; `back` imports from it. */
let far: RunningApi;
let near: RunningApi;
let back: RunningApi;
let proxy: FaultyProxy;
const SECONDS = 110_000;

beforeAll(async () => {
  [far, back] = await Promise.all([runApi(), runApi()]);
  proxy = await new FaultyProxy(far.url).start();
  near = await runApi(`
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  mirror: {}
  langsmith:
    endpoint: "${proxy.url}/api/v1"
    api_key: any
    push: [feedback, datasets, projects, prompts, queues]
    timeout: 2s
    retry_on_failure: { initial_interval: 10ms, max_interval: 50ms }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [mirror, langsmith] }
`);
  // The first thing that a mirror seals takes longest: a run is acknowledged without waiting for it.
  for (const api of [far, near, back]) {
    const id = randomUUID();
    const run = {
      id,
      trace_id: id,
      dotted_order: `20261127T100000000000Z${id}`,
      name: "first",
      run_type: "chain",
    };
    const body = JSON.stringify({
      ...run,
      start_time: "2026-11-27T10:00:00Z",
      end_time: "2026-11-27T10:00:01Z",
    });
    expect((await fetch(`${api.url}/runs`, { method: "POST", body })).status).toBe(202);
    await api.collector.flush(SECONDS);
    await call(api, "GET", "/datasets");
  }
}, SECONDS);

afterAll(async () => {
  await near.stop();
  await proxy.stop();
  await Promise.all([far.stop(), back.stop()]);
});

async function call(api: RunningApi, method: string, path: string, body?: JsonValue): Promise<JsonValue> {
  const response = await fetch(api.url + path, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // On a busy machine the mirror may be further behind than a read waits for: a client comes again.
  if (response.status === 503 && method !== "POST") {
    await api.collector.flush(SECONDS);
    return call(api, method, path, body);
  }
  expect(response.status, `${method} ${path}: ${text}`).toBeLessThan(300);
  return text === "" ? null : (JSON.parse(text) as JsonValue);
}

/** What was decided: without what each server says for itself. */
function decided(thing: JsonValue): JsonObject {
  const own = new Set([
    "modified_at",
    "updated_at",
    "created_at",
    "start_time",
    "attachment_urls",
    "last_run_start_time_live",
  ]);
  return Object.fromEntries(Object.entries(thing as JsonObject).filter(([name]) => !own.has(name)));
}

/** Whether the lists are alike here and there, or wherever else. */
async function same(path: string, there: RunningApi = far): Promise<void> {
  const list = async (api: RunningApi): Promise<string[]> =>
    ((await call(api, "GET", path)) as readonly JsonValue[])
      .map((each) => canonicalJson(decided(each)))
      .sort();
  expect(await list(there)).toEqual(await list(near));
}

function rootRun(id: string): JsonObject {
  const run = { id, trace_id: id, dotted_order: `20261127T100000000000Z${id}`, name: "r", run_type: "chain" };
  return { ...run, start_time: "2026-11-27T10:00:00Z", end_time: "2026-11-27T10:00:01Z" };
}

/** Tags of a prompt with the hashes that they name. */
async function tagsOf(api: RunningApi, name: string): Promise<unknown> {
  const tags = (await call(api, "GET", `/repos/-/${name}/tags`)) as readonly JsonObject[];
  return tags.map(({ tag_name: tag, commit_hash: hash }) => [tag, hash]);
}

/** Commits of a prompt, newest first, without the ids that each server gives. */
async function commitsOf(api: RunningApi, name: string): Promise<unknown> {
  const { commits } = (await call(api, "GET", `/commits/-/${name}`)) as {
    readonly commits: readonly JsonObject[];
  };
  return commits.map(({ commit_hash: hash, parent_commit_hash: parent, manifest, description }) => [
    hash,
    parent,
    manifest,
    description,
  ]);
}

const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const object = fc.dictionary(fc.string({ maxLength: 8 }), json, { maxKeys: 3 });
const text = fc.string({ maxLength: 20 });

test("pull(push(x)) = x: what is pushed of every type of record is there as it is here, and comes back so", async () => {
  const things = fc.sample(
    fc.record({
      score: fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.boolean()),
      value: json,
      comment: text,
      correction: object,
      inputs: object,
      outputs: object,
      metadata: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), json, { maxKeys: 3 }),
      description: fc.option(text),
    }),
    { numRuns: 8, seed: 20261127 },
  );
  const dataset = randomUUID();
  await call(near, "POST", "/datasets", { id: dataset, name: "pushed", metadata: { team: "a" } });
  await call(near, "POST", "/sessions", { id: randomUUID(), name: "try", reference_dataset_id: dataset });
  const examples = things.map(({ inputs, outputs, metadata }) => ({
    id: randomUUID(),
    dataset_id: dataset,
    inputs,
    outputs,
    metadata,
  }));
  const feedback = things.map(({ score, value, comment, correction }) => {
    const run = randomUUID();
    return { id: randomUUID(), key: "k", run_id: run, trace_id: run, score, value, comment, correction };
  });
  await call(near, "POST", "/examples/bulk", examples);
  const withFile = randomUUID();
  const form = new FormData();
  const part = (name: string, type: string, content: string): void =>
    form.append(name, new Blob([content], { type }));
  part(withFile, "application/json", "{}");
  part(`${withFile}.inputs`, "application/json", '{"file":true}');
  part(`${withFile}.attachment.notes.txt`, "text/plain", "what was said \u2603");
  const added = await fetch(`${near.url}/v1/platform/datasets/${dataset}/examples`, {
    method: "POST",
    body: form,
  });
  expect(added.status, await added.text()).toBe(201);
  const fileOn = async (api: RunningApi): Promise<string> =>
    (await fetch(`${api.url}/examples/${withFile}/attachments/notes.txt`)).text();
  await call(near, "POST", "/feedback", feedback);
  await call(near, "POST", "/feedback-configs", {
    feedback_key: "tone",
    feedback_config: { type: "continuous", min: 0, max: 1 },
    is_lower_score_better: true,
  });
  const [experiment] = (await call(near, "GET", "/sessions?name=try")) as readonly JsonObject[];
  const comparison = randomUUID();
  await call(near, "POST", "/datasets/comparative", {
    id: comparison,
    name: "against itself",
    reference_dataset_id: dataset,
    experiment_ids: [experiment?.["id"] ?? null],
  });
  // Both servers have the run, as both were sent it.
  const reviewed = randomUUID();
  for (const api of [near, far, back]) await call(api, "POST", "/runs", rootRun(reviewed));
  const queue = randomUUID();
  const rubric = [{ feedback_key: "tone", description: "polite?" }];
  await call(near, "POST", "/annotation-queues", { id: queue, name: "to review", rubric_items: rubric });
  await call(near, "POST", `/annotation-queues/${queue}/runs`, [reviewed]);
  await call(near, "POST", "/repos", { repo_handle: "pushed", description: "says it", tags: ["a"] });
  for (const { inputs, description } of things.slice(0, 3)) {
    const manifest = { inputs, at: randomUUID() };
    await call(near, "POST", "/commits/-/pushed", {
      manifest,
      ...(description === null ? {} : { description }),
    });
  }
  const [newest] = (await commitsOf(near, "pushed")) as readonly (readonly JsonValue[])[];
  for (const tag_name of ["production", "old"]) {
    await call(near, "POST", "/repos/-/pushed/tags", { tag_name, commit_id: newest?.[0] ?? null });
  }
  await call(near, "DELETE", "/repos/-/pushed/tags/old");
  await near.collector.flush(SECONDS);
  const lists = [
    "/datasets",
    `/examples?dataset=${dataset}`,
    "/feedback",
    "/feedback-configs",
    "/sessions?name=try",
    `/datasets/${dataset}/comparative`,
    "/annotation-queues",
  ];
  for (const path of lists) await same(path);
  const prompt = async (api: RunningApi): Promise<unknown> => [
    await commitsOf(api, "pushed"),
    await tagsOf(api, "pushed"),
  ];
  const queued = async (api: RunningApi): Promise<unknown> => {
    const { rubric_items: items } = (await call(api, "GET", `/annotation-queues/${queue}`)) as JsonObject;
    const runs = (await call(api, "GET", `/annotation-queues/${queue}/runs`)) as readonly JsonObject[];
    const asked = (items as readonly JsonObject[]).map(({ feedback_key: key, description }) => [
      key,
      description,
    ]);
    return [asked, runs.map(({ id, queue_run_id: item }) => [id, item])];
  };
  expect(await prompt(far)).toEqual(await prompt(near));
  expect(await queued(far)).toEqual(await queued(near));

  const door = createServerDoor({ endpoint: back.url, dataDir: back.dataDir });
  const pulled = await importLangSmith({
    source: new LangSmithSource({ endpoint: far.url }),
    door,
    dataDir: back.dataDir,
  });
  await door.close();
  expect(pulled.complete).toBe(true);
  for (const path of lists) await same(path, back);
  expect([await fileOn(far), await fileOn(back)]).toEqual(Array(2).fill("what was said \u2603"));
  expect(await prompt(back)).toEqual(await prompt(near));
  expect(await queued(back)).toEqual(await queued(near));

  const [first, second] = [examples[0]?.id ?? "", examples[1]?.id ?? ""];
  await call(near, "PATCH", `/examples/${first}`, { outputs: { changed: true } });
  await call(near, "DELETE", `/examples/${second}`);
  await call(near, "PATCH", `/datasets/${dataset}`, { description: "changed" });
  await call(near, "PATCH", `/feedback/${feedback[0]?.id}`, { score: 0.25, comment: "changed" });
  await call(near, "DELETE", `/feedback/${feedback[1]?.id}`);
  await call(near, "PATCH", `/annotation-queues/${queue}`, { description: "changed" });
  await call(near, "PATCH", "/feedback-configs", { feedback_key: "tone", is_lower_score_better: false });
  await call(near, "DELETE", `/datasets/comparative/${comparison}`);
  await near.collector.flush(SECONDS);
  for (const path of lists) await same(path);
  await call(near, "DELETE", "/repos/-/pushed");
  await call(near, "DELETE", `/annotation-queues/${queue}`);
  await near.collector.flush(SECONDS);
  expect((await fetch(`${far.url}/repos/-/pushed`)).status).toBe(404);
  await same("/annotation-queues");
  expect(destination().dead_letter).toEqual({});
});

test("an outage of every kind loses nothing, keeps the order, and sending again changes nothing", async () => {
  const dataset = randomUUID();
  const faults: (ProxyFault | undefined)[] = [
    { status: 429, headers: { "retry-after": "0" } },
    { status: 503 },
    { status: 500 },
    { status: 404 },
    "reset",
    "reset mid-body",
  ];
  proxy.fault = () => faults.shift();
  await call(near, "POST", "/datasets", { id: dataset, name: "in an outage" });
  const example = { id: randomUUID(), dataset_id: dataset, inputs: { a: 1 } };
  await call(near, "POST", "/examples", example);
  await call(near, "PATCH", `/examples/${example.id}`, { inputs: { a: 2 } });
  await near.collector.flush(SECONDS);
  expect(faults).toEqual([]);
  await same(`/examples?dataset=${dataset}`);
  const counted = destination();
  expect(counted.dead_letter).toEqual({});
});

test("what can't go is counted with its reason, and what is refused is a dead letter", async () => {
  proxy.fault = ({ method, path }) =>
    method === "POST" && path.endsWith("/feedback") ? { status: 422, body: '{"detail":"no"}' } : undefined;
  const before = destination();
  await call(near, "POST", "/feedback", [
    { key: "k", run_id: randomUUID(), score: 1 },
    { key: "k", thread_id: "t", score: 1 },
    { key: "k", trace_id: randomUUID().replaceAll("-", ""), span_id: "00f067aa0ba902b7", score: 1 },
  ]);
  await near.collector.flush(SECONDS);
  proxy.fault = undefined;
  const after = destination();
  expect(after.dead_letter).toEqual({ rejected_422: 1 });
  expect((after.filtered["push/no_run"] ?? 0) - (before.filtered["push/no_run"] ?? 0)).toBe(2);
});

test("a commit is made once, whatever is sent again, and one that was pushed does not come back as another", async () => {
  await call(near, "POST", "/repos", { repo_handle: "again" });
  const faults: (ProxyFault | undefined)[] = [
    undefined,
    undefined,
    undefined,
    "reset mid-body",
    { status: 503 },
  ];
  proxy.fault = ({ path }) => (path.includes("/commits/") ? faults.shift() : undefined);
  // One change set with a commit of before, so that a failure sends all of it again.
  for (const text of ["one", "two", "one"]) {
    await call(near, "POST", "/commits/-/again", { manifest: { text }, description: text });
  }
  await near.collector.flush(SECONDS);
  proxy.fault = undefined;
  expect(faults).toEqual([]);
  expect(await commitsOf(far, "again")).toEqual(await commitsOf(near, "again"));

  // LangSmith gives ids and hashes of its own, and keeps the mark: as far does for a commit with another parent.
  await call(far, "POST", "/repos", { repo_handle: "marked" });
  await call(far, "POST", "/commits/-/marked", { manifest: { text: "made there" } });
  await call(near, "POST", "/repos", { repo_handle: "marked" });
  await call(near, "POST", "/commits/-/marked", { manifest: { text: "made here" }, description: "mine" });
  await near.collector.flush(SECONDS);
  const there = (await commitsOf(far, "marked")) as readonly (readonly JsonValue[])[];
  expect(there.map(([, , manifest]) => manifest)).toEqual([{ text: "made here" }, { text: "made there" }]);
  // One that was pushed and then deleted here: there it has its mark, as far made it after a commit of its own.
  await call(far, "POST", "/repos", { repo_handle: "gone" });
  await call(far, "POST", "/commits/-/gone", { manifest: { text: "made there" } });
  await call(near, "POST", "/repos", { repo_handle: "gone" });
  await call(near, "POST", "/commits/-/gone", { manifest: { text: "made here" } });
  await near.collector.flush(SECONDS);
  // It stays there for as long as the deletion can't arrive.
  proxy.fault = ({ method, path }) =>
    method === "DELETE" && path.endsWith("/gone") ? { status: 503 } : undefined;
  await call(near, "DELETE", "/repos/-/gone");
  expect(there[0]?.[3]).toMatch(/^mine\ncounterfoil:[0-9a-f]{12}$/);
  const door = createServerDoor({ endpoint: near.url, dataDir: near.dataDir });
  const source = new LangSmithSource({ endpoint: far.url });
  const tally = new ImportTally();
  await importPrompts({
    source,
    door,
    tally,
    file: new StateFile(near.dataDir, far.url, undefined),
    pages: new RunPages(source),
    now: () => new Date(),
    since: undefined,
    projects: undefined,
    feedbackSeen: new Set(),
    onProgress: () => undefined,
  });
  await door.close();
  expect(tally.report(far.url, 0).complete).toBe(true);
  expect((await fetch(`${near.url}/repos/-/gone`)).status).toBe(404);
  proxy.fault = undefined;
  await near.collector.flush(SECONDS);
  expect((await fetch(`${far.url}/repos/-/gone`)).status).toBe(404);
  const here = (await commitsOf(near, "marked")) as readonly (readonly JsonValue[])[];
  expect(here.map(([, , manifest]) => manifest)).toEqual([{ text: "made there" }, { text: "made here" }]);
});

test("silence is tried again, what is too large is a dead letter, and what was accepted and lost is seen by verify", async () => {
  const before = destination();
  const faults: (ProxyFault | undefined)[] = ["hang", undefined, { status: 413 }, { status: 200 }];
  proxy.fault = ({ path }) => (path.endsWith("/feedback") ? faults.shift() : undefined);
  const ids: string[] = [];
  for (const key of ["hung", "large", "lost"]) {
    const id = randomUUID();
    ids.push(id);
    await call(near, "POST", "/feedback", { id, key, run_id: randomUUID(), score: 1 });
    await near.collector.flush(SECONDS);
  }
  proxy.fault = undefined;
  expect(faults).toEqual([]);
  const { dead_letter: dead } = destination();
  expect((dead["too_large"] ?? 0) - (before.dead_letter["too_large"] ?? 0)).toBe(1);
  const door = createServerDoor({ endpoint: near.url, dataDir: near.dataDir });
  const report = await verifyLangSmith({ source: new LangSmithSource({ endpoint: far.url }), door });
  await door.close();
  const onlyHere = report.types
    .filter(({ type }) => type === "feedback")
    .flatMap(({ onlyHere: { ids } }) => ids);
  expect(onlyHere).toEqual(expect.arrayContaining(ids.slice(1)));
  expect(onlyHere).not.toContain(ids[0]);
});

/** Records of the destination's account, by reason. */
function destination(): { filtered: Record<string, number>; dead_letter: Record<string, number> } {
  const found = near.collector.status().destinations.find(({ name }) => name === "langsmith.records");
  const recordsOf = (buckets: Readonly<Record<string, { readonly records: number }>> = {}) =>
    Object.fromEntries(Object.entries(buckets).map(([reason, { records }]) => [reason, records]));
  return { filtered: recordsOf(found?.filtered), dead_letter: recordsOf(found?.dead_letter) };
}
