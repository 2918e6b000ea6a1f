import type { Client } from "langsmith";
import { evaluate } from "langsmith/evaluation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryRows } from "../../../store/index.js";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { clientOf, collect } from "./sdk.js";

interface Evaluated {
  readonly outputs: Record<string, unknown>;
  readonly referenceOutputs?: Record<string, unknown>;
}

let api: RunningApi;
let client: Client;

beforeAll(async () => {
  api = await runApi();
  client = clientOf(api);
});

afterAll(async () => {
  await api.stop();
});

test("evaluate() runs end to end: experiment, runs, feedback of row and summary evaluators", async () => {
  const dataset = await client.createDataset("capitals", {
    description: "of countries",
    metadata: { lang: "en" },
  });
  await client.createExamples({
    inputs: [{ country: "France" }, { country: "Peru" }],
    outputs: [{ capital: "Paris" }, { capital: "Lima" }],
    datasetId: dataset.id,
  });
  const results = await evaluate(
    async ({ country }: { country: string }) => ({ capital: country === "France" ? "Paris" : "Quito" }),
    {
      data: "capitals",
      experimentPrefix: "geo",
      client,
      evaluators: [
        ({ outputs, referenceOutputs }: Evaluated) => ({
          key: "correct",
          score: outputs?.["capital"] === referenceOutputs?.["capital"],
        }),
      ],
      summaryEvaluators: [
        ({ outputs }: { outputs: unknown[] }) => ({ key: "answered", score: outputs.length }),
      ],
    },
  );
  expect(results.results.length).toBe(2);
  await client.awaitPendingTraceBatches();

  const [experiment] = await collect(
    client.listProjects({ referenceDatasetId: dataset.id, includeStats: true }),
  );
  expect(experiment).toMatchObject({
    name: results.experimentName,
    reference_dataset_id: dataset.id,
    run_count: 2,
  });
  expect(experiment?.extra?.["metadata"]).toMatchObject({ dataset_version: expect.any(String) });
  const runs = await collect(client.listRuns({ projectName: results.experimentName, isRoot: true }));
  const examples = await collect(client.listExamples({ datasetId: dataset.id }));
  expect(new Set(runs.map((run) => run.reference_example_id))).toEqual(new Set(examples.map(({ id }) => id)));
  expect(runs.every((run) => run.session_id === experiment?.id)).toBe(true);

  const feedback = await collect(client.listFeedback({ runIds: runs.map(({ id }) => id) }));
  expect(feedback.map(({ key, score }) => `${key} ${String(score)}`).sort()).toEqual([
    "correct false",
    "correct true",
  ]);
  const scores = await queryRows({
    dataDir: api.dataDir,
    sql: "SELECT key, score, session_id FROM feedback WHERE key = 'answered'",
  });
  expect(scores).toEqual([{ key: "answered", score: 2, session_id: experiment?.id }]);
  expect((await client.readDataset({ datasetName: "capitals" })).example_count).toBe(2);
});

test("versions of a dataset stay readable by time and tag, and tell what changed between them", async () => {
  const dataset = await client.createDataset("versions");
  const [first, second] = await client.createExamples([
    { dataset_id: dataset.id, inputs: { n: 1 }, outputs: { n: 1 }, split: ["train", "hard"] },
    { dataset_id: dataset.id, inputs: { n: 2 }, metadata: { level: 5 } },
  ]);
  const before = await client.readDatasetVersion({ datasetId: dataset.id, tag: "latest" });
  await client.updateDatasetTag({ datasetId: dataset.id, asOf: before.as_of, tag: "v1" });
  await client.updateExample({ id: first?.id ?? "", dataset_id: dataset.id, inputs: { n: 10 } });
  await client.deleteExample(second?.id ?? "");
  await client.createExample({ dataset_id: dataset.id, inputs: { n: 3 } });

  const inputs = async (asOf?: string | Date) =>
    (
      await collect(client.listExamples({ datasetId: dataset.id, ...(asOf === undefined ? {} : { asOf }) }))
    ).map((example) => example.inputs);
  expect(await inputs()).toEqual([{ n: 10 }, { n: 3 }]);
  expect(await inputs("v1")).toEqual([{ n: 1 }, { n: 2 }]);
  // A Date in JavaScript knows no microseconds.
  expect(await inputs(new Date(before.as_of))).toEqual([{ n: 1 }, { n: 2 }]);
  const diff = await client.diffDatasetVersions({
    datasetId: dataset.id,
    fromVersion: "v1",
    toVersion: "latest",
  });
  expect(diff).toMatchObject({ examples_modified: [first?.id], examples_removed: [second?.id] });
  expect(diff.examples_added.length).toBe(1);
  expect(await client.listDatasetSplits({ datasetId: dataset.id })).toEqual(["base", "hard", "train"]);
  await client.updateDatasetSplits({
    datasetId: dataset.id,
    splitName: "hard",
    exampleIds: [first?.id ?? ""],
    remove: true,
  });
  expect(await client.listDatasetSplits({ datasetId: dataset.id })).toEqual(["base", "train"]);
  expect(await collect(client.listExamples({ datasetId: dataset.id, splits: ["train"] }))).toHaveLength(1);
  expect(
    await collect(client.listExamples({ datasetId: dataset.id, asOf: "v1", metadata: { level: 5 } })),
  ).toHaveLength(1);
});

test("attachments of examples come back, renamed and retained as asked", async () => {
  const dataset = await client.createDataset("files");
  const file = { mimeType: "text/plain", data: new TextEncoder().encode("hello") };
  const [example] = await client.createExamples([
    { dataset_id: dataset.id, inputs: {}, attachments: { a: file, b: file, c: file } },
  ]);
  await client.updateExample({
    id: example?.id ?? "",
    dataset_id: dataset.id,
    attachments_operations: { rename: { a: "z" }, retain: ["b"] },
  });
  const [found] = await collect(client.listExamples({ datasetId: dataset.id, includeAttachments: true }));
  expect(Object.keys(found?.attachments ?? {}).sort()).toEqual(["b", "z"]);
  const answer = await fetch(found?.attachments?.["z"]?.presigned_url ?? "");
  expect([answer.status, await answer.text()]).toEqual([200, "hello"]);
});

test("a client before 0.4 upserts examples as multipart: new ones are added, those that are there changed", async () => {
  const dataset = await client.createDataset("upserted");
  const other = await client.createDataset("not upserted");
  const upsert = async (parts: readonly (readonly [name: string, value: unknown])[]): Promise<Response> => {
    const form = new FormData();
    for (const [name, value] of parts) {
      form.append(name, new Blob([JSON.stringify(value)], { type: "application/json" }));
    }
    return await fetch(`${api.url}/platform/examples/multipart`, { method: "POST", body: form });
  };
  const [first, second] = [crypto.randomUUID(), crypto.randomUUID()];
  const of = (id: string, n: number, dataset_id = dataset.id) =>
    [
      [id, { dataset_id, created_at: null, metadata: { n } }],
      [`${id}.inputs`, { n }],
    ] as const;
  const made = await upsert([...of(first, 1), [`${first}.attachment.note`, "kept"]]);
  expect([made.status, await made.json()]).toEqual([201, { count: 1, example_ids: [first] }]);
  const again = await upsert([...of(second, 3), ...of(first, 2)]);
  expect([again.status, await again.json()]).toEqual([201, { count: 2, example_ids: [second, first] }]);
  const found = await collect(client.listExamples({ datasetId: dataset.id, includeAttachments: true }));
  expect(new Map(found.map(({ id, inputs }) => [id, inputs]))).toEqual(
    new Map([
      [first, { n: 2 }],
      [second, { n: 3 }],
    ]),
  );
  expect(Object.keys(found.find(({ id }) => id === first)?.attachments ?? {})).toEqual(["note"]);
  expect((await upsert(of(first, 4, other.id))).status).toBe(409);
  expect((await upsert([...of(second, 5), ...of(first, 5, other.id)])).status).toBe(422);
  expect((await upsert([[first, {}]])).status).toBe(422);
});

test("names that are taken are 409, what is not there is 404 with the words that clients look for", async () => {
  await client.createDataset("taken");
  await expect(client.createDataset("taken")).rejects.toMatchObject({ status: 409 });
  await client.createProject({ projectName: "taken" });
  await expect(client.createProject({ projectName: "taken" })).rejects.toMatchObject({ status: 409 });
  expect(
    (await client.createProject({ projectName: "taken", upsert: true, description: "new" })).description,
  ).toBe("new");
  expect(await client.hasDataset({ datasetName: "never" })).toBe(false);
  expect(await client.hasDataset({ datasetId: "00000000-0000-4000-8000-000000000000" })).toBe(false);
  await expect(client.readExample("00000000-0000-4000-8000-000000000000")).rejects.toThrow("not found");
});

test("feedback with a correction comes by itself or inside a multipart request, and is found by run", async () => {
  const id = crypto.randomUUID();
  await client.createRun({
    id,
    name: "judged",
    run_type: "chain",
    inputs: {},
    trace_id: id,
    dotted_order: `20261123T100000000000Z${id}`,
  });
  await client.awaitPendingTraceBatches();
  const { id: sessionId } = await client.readProject({ projectName: "default" });
  await client.createFeedback(id, "by-itself", {
    score: 0.5,
    correction: { right: "answer" },
    comment: "no",
  });
  await client.createFeedback({ runId: id, traceId: id, sessionId, key: "in-multipart", score: 1 });
  await client.awaitPendingTraceBatches();
  const found = await collect(client.listFeedback({ runIds: [id] }));
  expect(found.map(({ key, score, correction }) => JSON.stringify([key, score, correction])).sort()).toEqual([
    '["by-itself",0.5,{"right":"answer"}]',
    '["in-multipart",1,null]',
  ]);
});

test("runs are found by their feedback, and carry its figures; version 2 and statistics give the same runs", async () => {
  const start = new Date().toISOString().replace(/Z$/, "000Z");
  const runs = [1, 2].map((n) => {
    const id = crypto.randomUUID();
    const dotted = `${start.replace(/[-:.]/g, "")}${id}`;
    return {
      id,
      trace_id: id,
      dotted_order: dotted,
      name: `r${n}`,
      run_type: "llm",
      inputs: { n },
      start_time: start,
      end_time: start,
    };
  });
  const [good, bad] = runs;
  await client.batchIngestRuns({ runCreates: runs.map((run) => ({ ...run, session_name: "rated" })) });
  await client.createFeedback(good?.id ?? "", "rating", { score: 1 });
  await client.createFeedback(bad?.id ?? "", "rating", { score: 0 });
  await client.createFeedback(bad?.id ?? "", "other", { score: 1 });
  const filter = 'and(eq(feedback_key, "rating"), gte(feedback_score, 1))';
  const found = await collect(client.listRuns({ projectName: "rated", filter }));
  expect(found.map(({ name }) => name)).toEqual(["r1"]);
  expect(found[0]?.feedback_stats).toMatchObject({ rating: { n: 1, avg: 1 } });
  const project = await client.readProject({ projectName: "rated" });
  const page = await client.runs.query({
    project_ids: [project.id],
    selects: ["NAME", "RUN_TYPE", "STATUS"],
  });
  expect(new Set(page.items.map(({ name }) => name))).toEqual(new Set(["r1", "r2"]));
  expect(page.items[0]).toMatchObject({ run_type: "LLM", status: "SUCCESS" });
  const one = await client.runs.retrieve(bad?.id ?? "", {
    project_id: project.id,
    start_time: start,
    selects: ["INPUTS"],
  });
  expect(one).toEqual({ id: bad?.id, inputs: { n: 2 } });
  expect(await client.getRunStats({ projectNames: ["rated"] })).toMatchObject({
    run_count: 2,
    error_rate: 0,
  });
});

test("an example takes inputs, outputs and files of its source run, and is refused when there is no such run", async () => {
  const id = crypto.randomUUID();
  await client.multipartIngestRuns({
    runCreates: [
      {
        id,
        trace_id: id,
        dotted_order: `20261123T100000000000Z${id}`,
        name: "source",
        run_type: "chain",
        inputs: { question: "2 + 2?" },
        outputs: { answer: "4" },
        start_time: "2026-11-23T10:00:00Z",
        end_time: "2026-11-23T10:00:01Z",
        attachments: { picture: ["image/png", Uint8Array.of(1, 2, 3)] },
      },
    ],
  });
  const { id: datasetId } = await client.createDataset("from runs");
  const one = await client.createExample({
    dataset_id: datasetId,
    inputs: {},
    source_run_id: id,
    use_source_run_io: true,
    use_source_run_attachments: ["picture"],
    metadata: { lang: "en" },
  });
  const [example] = await collect(client.listExamples({ datasetId, includeAttachments: true }));
  expect(example).toMatchObject({
    id: one.id,
    inputs: { question: "2 + 2?" },
    outputs: { answer: "4" },
    source_run_id: id,
    attachments: { picture: { mime_type: "image/png" } },
  });
  const file = await fetch(example?.attachments?.["picture"]?.presigned_url ?? "");
  expect([...new Uint8Array(await file.arrayBuffer())]).toEqual([1, 2, 3]);
  const wanting = { dataset_id: datasetId, inputs: {}, use_source_run_io: true };
  await expect(client.createExample({ ...wanting, source_run_id: crypto.randomUUID() })).rejects.toThrow(
    "not found",
  );
  await expect(client.createExample(wanting)).rejects.toThrow("source_run_id");

  await client.createExample({
    dataset_id: datasetId,
    inputs: { n: 1 },
    metadata: { lang: "de", tags: ["a"] },
  });
  await client.createExample({ dataset_id: datasetId, inputs: { n: 2 } });
  const filtered = async (filter: string): Promise<unknown[]> =>
    (await collect(client.listExamples({ datasetId, filter }))).map(({ metadata }) => metadata?.["lang"]);
  expect(await filtered('exists(metadata, "lang")')).toEqual(["en", "de"]);
  expect(await filtered(`has(metadata, '{"lang": "de"}')`)).toEqual(["de"]);
  expect(await filtered('and(exists(metadata, "lang"), not(eq(metadata_key, "tags")))')).toEqual(["en"]);
  await expect(filtered('eq(name, "x")')).rejects.toThrow("filter of examples");
});
