import { randomUUID } from "node:crypto";
import { Writable } from "node:stream";
import { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EXIT } from "../../../cli/exit-codes.js";
import { follow } from "../../../cli/import/import-langsmith.js";
import type { Io } from "../../../cli/io.js";
import { createPaint } from "../../../cli/output/paint.js";
import { type ImportReport, type TypeReport, verifyLangSmith } from "../../../loop/index.js";
import { freshFolder, type TwoServers, twoServers } from "./two-servers.js";

let servers: TwoServers;
let client: Client;

beforeAll(async () => {
  servers = await twoServers();
  client = new Client({ apiUrl: servers.far.url, apiKey: "any", autoBatchTracing: false });
});

afterAll(() => servers.stop());

type Json = Readonly<Record<string, unknown>>;

async function read(url: string, path: string): Promise<unknown> {
  const response = await fetch(url + path);
  expect(response.status).toBe(200);
  return response.json();
}

/** What two servers must say alike of the same thing. */
function same(value: unknown): unknown {
  const { inserted_at: _at, modified_at: _changed, last_run_start_time_live: _live, ...rest } = value as Json;
  return rest;
}

function typesIn(report: {
  readonly types: readonly TypeReport[];
}): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(
    report.types.map(({ type, found, stored, unchanged }) => [type, [found, stored, unchanged]]),
  );
}

async function sendRun(name: string, more: Json = {}, to = client): Promise<string> {
  const id = randomUUID();
  const place = { trace_id: id, dotted_order: `20261120T100000000000Z${id}` };
  await to.multipartIngestRuns({
    runCreates: [
      {
        id,
        ...place,
        name,
        run_type: "llm",
        inputs: { messages: [{ role: "user", content: "hi ☃" }] },
        outputs: { text: "hello", nested: { list: [1, null, "x"] } },
        start_time: "2026-11-20T10:00:00.123456Z",
        end_time: "2026-11-20T10:00:01.654321Z",
        extra: {
          metadata: { ls_model_name: "m", thread_id: "t1", deep: { list: [1, null] } },
          runtime: { x: 1 },
        },
        tags: ["a,b", "c"],
        session_name: "support",
        ...more,
      },
    ],
  });
  return id;
}

test("projects, runs, feedback and datasets with their versions come over whole, and a second import stores nothing", async () => {
  const good = await sendRun("good");
  const bad = await sendRun("bad", { error: "boom", outputs: undefined, session_name: "other" });
  await client.createFeedback(good, "correctness", {
    score: 0.5,
    comment: "wrong year",
    correction: { year: 2026 },
    feedbackSourceType: "app",
  });
  const dataset = await client.createDataset("questions", {
    description: "asked often",
    metadata: { team: "a" },
  });
  const example = await client.createExample({ q: 1 }, { a: 1 }, { datasetId: dataset.id, split: ["train"] });
  await client.updateExample({ id: example.id, dataset_id: dataset.id, outputs: { a: 2 }, split: ["test"] });
  const other = await client.createExample({ q: 2 }, { a: 2 }, { datasetId: dataset.id });
  await client.updateDatasetTag({ datasetId: dataset.id, asOf: "latest", tag: "v1" });
  await client.deleteExample(other.id);
  await client.createProject({
    projectName: "try 1",
    referenceDatasetId: dataset.id,
    metadata: { model: "m" },
  });

  const first = await servers.pull();
  expect(first.types.filter(({ skipped, failed }) => skipped.length > 0 || failed !== undefined)).toEqual([]);
  expect(first.complete).toBe(true);
  expect(typesIn(first)).toMatchObject({
    projects: [2, 2, 0],
    experiments: [1, 1, 0],
    runs: [2, 2, 0],
    feedback: [1, 1, 0],
    datasets: [1, 1, 0],
    "dataset versions": [4, 4, 0],
    "dataset tags": [1, 1, 0],
    "example changes": [4, 4, 0],
  });

  const { far, near } = servers;
  for (const id of [good, bad]) {
    expect(same(await read(near.url, `/runs/${id}`))).toEqual(same(await read(far.url, `/runs/${id}`)));
  }
  expect(await read(near.url, "/feedback")).toEqual(await read(far.url, "/feedback"));
  const at = `/datasets/${dataset.id}`;
  expect(same(await read(near.url, at))).toEqual(same(await read(far.url, at)));
  const versions = (await read(far.url, `${at}/versions`)) as { as_of: string }[];
  expect(await read(near.url, `${at}/versions`)).toEqual(versions);
  expect(await read(near.url, `${at}/splits?as_of=v1`)).toEqual(await read(far.url, `${at}/splits?as_of=v1`));
  for (const { as_of: asOf } of versions) {
    const path = `/examples?dataset=${dataset.id}&as_of=${encodeURIComponent(asOf)}`;
    expect(await read(near.url, path)).toEqual(await read(far.url, path));
  }
  const named = (url: string) =>
    read(url, "/sessions?name=try%201").then((list) => same((list as Json[])[0]));
  expect(await named(near.url)).toEqual(await named(far.url));

  const seq = near.collector.status().journal.durable_seq;
  const second = await servers.pull();
  expect(second.types.map(({ type, stored }) => [type, stored])).toEqual(
    second.types.map(({ type }) => [type, 0]),
  );
  expect(near.collector.status().journal.durable_seq).toBe(seq);

  const verified = await verifyLangSmith({ source: servers.source(), door: servers.door });
  expect(verified.equal).toBe(true);
  expect(verified.types.every(({ there, here }) => there.hash === here.hash)).toBe(true);
  expect(verified.types.map(({ type, of, there }) => [type, of, there.count])).toEqual([
    ["runs", "other", 1],
    ["runs", "support", 1],
    ["runs", "try 1", 0],
    ["feedback", undefined, 1],
    ["datasets", undefined, 1],
    ["dataset versions", "questions", 4],
    ["examples", "questions", 1],
  ]);
});

test("verify names what is missing, what differs and what is only here; what was decided here stays", async () => {
  const { near } = servers;
  const missing = await sendRun("only there");
  const [given] = (await read(near.url, "/feedback")) as { id: string }[];
  const change = { method: "PATCH", headers: { "content-type": "application/json" }, body: '{"score": 1}' };
  expect((await fetch(`${near.url}/feedback/${given?.id}`, change)).status).toBe(200);
  const here = new Client({ apiUrl: near.url, apiKey: "any", autoBatchTracing: false });
  const only = await sendRun("only here", {}, here);

  const report = await verifyLangSmith({
    source: servers.source(),
    door: servers.door,
    projects: ["support"],
  });
  expect(report.equal).toBe(false);
  expect(report.types[0]).toMatchObject({
    of: "support",
    missingHere: { count: 1, ids: [missing] },
    onlyHere: { count: 1, ids: [only] },
    differing: { count: 0 },
  });
  const all = await verifyLangSmith({ source: servers.source(), door: servers.door });
  expect(all.types.find(({ type }) => type === "feedback")?.differing).toEqual({
    count: 1,
    ids: [given?.id],
  });

  // A run that came late with an old start: what is remembered of the import would not look there again.
  const imported = await servers.pull({ dataDir: freshFolder() });
  expect(imported.types.find(({ type }) => type === "runs")).toMatchObject({ stored: 1 });
  expect(imported.types.find(({ type }) => type === "feedback")).toMatchObject({ stored: 0, unchanged: 1 });
  expect(await read(near.url, `/feedback/${given?.id}`)).toMatchObject({ score: 1 });
});

test("attachments and numbers that JavaScript would round come over as they were", async () => {
  const { near, far } = servers;
  const id = await sendRun("with a file", {
    attachments: { pic: ["image/png", Uint8Array.of(1, 2, 3)] },
    session_name: "files",
  });
  const other = randomUUID();
  const place = `"id": "${other}", "trace_id": "${other}", "dotted_order": "20261120T100000000000Z${other}"`;
  const body = `{${place}, "name": "n", "run_type": "chain", "session_name": "files", "start_time": "2026-11-20T10:00:00Z",
    "end_time": "2026-11-20T10:00:01Z", "inputs": {"big": 12345678901234567890}}`;
  const headers = { "content-type": "application/json" };
  expect((await fetch(`${far.url}/runs`, { method: "POST", headers, body })).status).toBe(202);

  const report = await servers.pull({ projects: ["files"] });
  expect(report.complete).toBe(true);
  expect(report.types.find(({ type }) => type === "run attachments")).toMatchObject({ found: 1, stored: 1 });
  const file = await fetch(`${near.url}/runs/${id}/attachments/pic`);
  expect(file.headers.get("content-type")).toBe("image/png");
  expect(new Uint8Array(await file.arrayBuffer())).toEqual(Uint8Array.of(1, 2, 3));
  expect(await (await fetch(`${near.url}/runs/${other}`)).text()).toContain('"big":12345678901234567890');
  const again = await servers.pull({ projects: ["files"], dataDir: freshFolder() });
  expect(again.types.find(({ type }) => type === "runs")).toMatchObject({ stored: 0, unchanged: 2 });
});

test("a run that had not ended, and feedback on a whole project, come with a later import", async () => {
  const { far, near } = servers;
  const id = await sendRun("open", { end_time: undefined, outputs: undefined, session_name: "later" });
  await servers.pull({ projects: ["later"] });
  expect(await read(near.url, `/runs/${id}`)).toMatchObject({ status: "pending", end_time: null });

  const place = { trace_id: id, dotted_order: `20261120T100000000000Z${id}` };
  await client.multipartIngestRuns({
    runUpdates: [{ id, ...place, outputs: { done: true }, end_time: "2026-11-20T11:00:00Z" }],
  });
  const [project] = (await read(far.url, "/sessions?name=later")) as { id: string }[];
  const body = JSON.stringify({ session_id: project?.id, key: "summary", score: 0.75 });
  const headers = { "content-type": "application/json" };
  expect((await fetch(`${far.url}/feedback`, { method: "POST", headers, body })).status).toBe(200);

  // Its start is out of the window that is read again: it is asked for by id.
  const report = await servers.pull({ projects: ["later"] });
  expect(report.types.find(({ type }) => type === "runs")).toMatchObject({ found: 1, stored: 1 });
  expect(await read(near.url, `/runs/${id}`)).toMatchObject({ status: "success", outputs: { done: true } });
  expect(await read(near.url, `/feedback?session=${project?.id}`)).toMatchObject([
    { key: "summary", score: 0.75 },
  ]);
});

test("--follow brings edits and new things after each interval, is quiet when there are none, and outlasts a failure", async () => {
  const { far, near } = servers;
  const id = await sendRun("followed", { session_name: "followed" });
  await client.createFeedback(id, "first", { score: 1 });
  await servers.pull({ projects: ["followed"] });
  const [feedback] = (await read(far.url, `/feedback?run=${id}`)) as { id: string }[];
  const rounds: (() => Promise<void>)[] = [
    async () => {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ score: 0, comment: "seen again" });
      await fetch(`${far.url}/feedback/${feedback?.id}`, { method: "PATCH", headers, body });
      await sendRun("second", { session_name: "followed", start_time: new Date().toISOString() });
    },
    async () => undefined,
    () => Promise.reject(new Error("the server is down")),
    async () => {
      await sendRun("third", { session_name: "followed", start_time: new Date().toISOString() });
      stop.abort();
    },
  ];
  const stop = new AbortController();
  const output = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof output) =>
    new Writable({
      write: (chunk, _encoding, done) => {
        output[name] += String(chunk);
        done();
      },
    }) as NodeJS.WriteStream;
  const paint = createPaint(false);
  const io: Io = {
    stdin: process.stdin,
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    env: {},
    paint,
    paintError: paint,
    signal: stop.signal,
    exitCode: EXIT.ok,
  };
  await follow(
    { interval: 1, json: true, follow: true },
    async (feedbackSince) => {
      await rounds.shift()?.();
      return servers.pull({ projects: ["followed"], feedbackSince });
    },
    io,
  );
  expect(rounds).toEqual([]);
  const reports = output.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ImportReport);
  const stored = reports.map(({ types }) =>
    types.flatMap((each) => (each.stored === 0 ? [] : [[each.type, each.stored]])),
  );
  expect(stored).toEqual([
    [
      ["runs", 1],
      ["feedback", 1],
    ],
    [["runs", 1]],
  ]);
  expect(output.stderr).toContain("the server is down");
  expect(io.exitCode).toBe(EXIT.ok);
  expect(await read(near.url, `/feedback?run=${id}`)).toMatchObject([{ score: 0, comment: "seen again" }]);
});

test("prompts with their commits and tags, comparisons and feedback configs come over, and again nothing is stored", async () => {
  const { far, near } = servers;
  const post = async (path: string, body: object): Promise<Json> => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(far.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    expect(response.status, await response.clone().text()).toBe(200);
    return (await response.json()) as Json;
  };
  await post("/repos", { repo_handle: "greeting", description: "says hello", is_public: false });
  const { commit } = await post("/commits/-/greeting", { manifest: { template: "Hi {name}", n: 1 } });
  const first = commit as Json;
  await post("/commits/-/greeting", {
    manifest: { template: "Hello {name}" },
    parent_commit: first["commit_hash"],
  });
  await post("/repos/-/greeting/tags", { tag_name: "production", commit_id: first["id"] });
  await post("/feedback-configs", {
    feedback_key: "tone",
    feedback_config: { type: "continuous", min: 0, max: 1 },
  });
  const price = { name: "m", match_pattern: "^(m|m-.*)$", provider: "openai", completion_cost: "0.000002" };
  await post("/model-price-map", { ...price, prompt_cost: "0.000001" });
  const dataset = await client.createDataset("compared");
  const experiments = await Promise.all(
    ["a", "b"].map((name) =>
      client.createProject({ projectName: `compared ${name}`, referenceDatasetId: dataset.id }),
    ),
  );
  await post("/datasets/comparative", {
    name: "a or b",
    reference_dataset_id: dataset.id,
    experiment_ids: experiments.map(({ id }) => id),
  });

  const report = await servers.pull();
  expect(report.types.filter(({ skipped, failed }) => skipped.length > 0 || failed !== undefined)).toEqual(
    [],
  );
  expect(typesIn(report)).toMatchObject({
    prompts: [1, 1, 0],
    "prompt commits": [2, 2, 0],
    "comparative experiments": [1, 1, 0],
    "feedback configs": [1, 1, 0],
    "model prices": [1, 1, 0],
  });
  const sameOn = async (path: string): Promise<void> => {
    expect(decided(await read(near.url, path))).toEqual(decided(await read(far.url, path)));
  };
  await sameOn("/repos/-/greeting");
  await sameOn("/commits/-/greeting");
  await sameOn("/commits/-/greeting/production");
  await sameOn(`/datasets/${dataset.id}/comparative`);
  await sameOn("/feedback-configs");
  await sameOn("/model-price-map");
  const again = await servers.pull();
  expect(again.types.map(({ type, stored }) => [type, stored])).toEqual(
    again.types.map(({ type }) => [type, 0]),
  );
});

/** Without the times that each server gives. */
function decided(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, inner: unknown) =>
    /^(?:updated|modified)_at$/.test(key) ? null : inner,
  );
}
