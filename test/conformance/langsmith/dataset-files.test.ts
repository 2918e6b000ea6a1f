import { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { clientOf, collect } from "./sdk.js";

const KEY = "the-right-key";
const CONFIG = `
receivers: { otlp: { protocols: { http: { auth: { api_keys: [${KEY}] } } } } }
exporters: { mirror: }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror] } } }
`;
let api: RunningApi;
let client: Client;

beforeAll(async () => {
  api = await runApi(CONFIG);
  client = clientOf(api, KEY);
});

afterAll(async () => {
  await api.stop();
});

function upload(name: string, text: string, outputKeys: string[] = ["a"]) {
  const csvFile = new Blob([text]);
  return client.uploadCsv({
    csvFile,
    fileName: "f.csv",
    inputKeys: ["q"],
    outputKeys,
    name,
    description: "up",
  });
}

async function get(path: string): Promise<{ status: number; type: string | null; text: string }> {
  const answer = await fetch(`${api.url}${path}`, { headers: { "x-api-key": KEY } });
  return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
}

test("a CSV becomes a dataset, and the dataset CSV, JSON Lines and OpenAI's forms", async () => {
  const dataset = await upload("uploaded", 'q,a\nHi,Hello\n"=1+1","two, really"\n');
  expect(dataset).toMatchObject({ name: "uploaded", description: "up", example_count: 2 });
  const examples = await collect(client.listExamples({ datasetId: dataset.id }));
  expect(examples.map(({ inputs, outputs }) => [inputs, outputs])).toEqual([
    [{ q: "Hi" }, { a: "Hello" }],
    [{ q: "=1+1" }, { a: "two, really" }],
  ]);
  expect(await client.readDatasetOpenaiFinetuning({ datasetName: "uploaded" })).toEqual([
    {
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello" },
      ],
    },
    {
      messages: [
        { role: "user", content: "=1+1" },
        { role: "assistant", content: "two, really" },
      ],
    },
  ]);
  const csv = await get(`/datasets/${dataset.id}/csv`);
  expect([csv.status, csv.type]).toEqual([200, "text/csv; charset=utf-8"]);
  expect(csv.text).toContain(`,'=1+1,"two, really",`);
  expect((await get(`/datasets/${dataset.id}/jsonl`)).text.trim().split("\n")).toHaveLength(2);
  expect((await get(`/datasets/${dataset.id}/openai`)).text).toContain('"ideal":"Hello"');
  // As it was: an older version stays what it was.
  const { as_of: asOf } = await client.readDatasetVersion({ datasetId: dataset.id, tag: "latest" });
  await client.deleteExample(examples[0]?.id ?? "");
  const older = await get(`/datasets/${dataset.id}/jsonl?as_of=${encodeURIComponent(asOf)}`);
  expect(older.text.trim().split("\n")).toHaveLength(2);
  expect((await get(`/datasets/${crypto.randomUUID()}/csv`)).status).toBe(404);
});

test("a CSV that is wrong makes no dataset", async () => {
  await expect(upload("wrong", "q\n1\n")).rejects.toThrow('no column \\"a\\"');
  await expect(upload("wrong", 'q,a\n"1,2\n')).rejects.toThrow("never closed");
  expect(await client.hasDataset({ datasetName: "wrong" })).toBe(false);
});

test("a shared dataset is read and cloned without a key until it is not shared any more", async () => {
  const dataset = await upload("shared", "q,a\nx,y\n");
  await expect(client.readDatasetSharedSchema(dataset.id)).rejects.toThrow("not found");
  const { share_token: token } = await client.shareDataset(dataset.id);
  expect((await client.readDatasetSharedSchema(dataset.id)).share_token).toBe(token);
  const stranger = new Client({ apiUrl: api.url, apiKey: "none", callerOptions: { maxRetries: 0 } });
  expect((await stranger.readSharedDataset(token)).name).toBe("shared");
  expect((await stranger.listSharedExamples(token)).map(({ inputs }) => inputs)).toEqual([{ q: "x" }]);
  await expect(stranger.readDataset({ datasetId: dataset.id })).rejects.toThrow("401");
  await client.clonePublicDataset(token, { datasetName: "cloned" });
  expect(
    (await collect(client.listExamples({ datasetName: "cloned" }))).map(({ outputs }) => outputs),
  ).toEqual([{ a: "y" }]);
  await client.unshareDataset(dataset.id);
  await expect(stranger.readSharedDataset(token)).rejects.toThrow("not found");
});

test("examples are copied from one dataset into another, and datasets listed page by page", async () => {
  const source = await upload("source", "q,a\n1,2\n3,4\n");
  const target = await upload("target", "q\n", []);
  const answer = await fetch(`${api.url}/datasets/clone`, {
    method: "POST",
    headers: { "x-api-key": KEY },
    body: JSON.stringify({ source_dataset_id: source.id, target_dataset_id: target.id }),
  });
  expect(await answer.json()).toMatchObject([{ inputs: { q: "1" } }, { inputs: { q: "3" } }]);
  expect((await client.readDataset({ datasetId: target.id })).example_count).toBe(2);
  const names = (await collect(client.datasets.listV2({ page_size: 2 }))).map(({ name }) => name);
  expect(new Set(names)).toEqual(new Set(["uploaded", "shared", "cloned", "source", "target"]));
  await expect(collect(client.datasets.listV2({ sort_by: "name" }))).rejects.toThrow("sort_by");
});

test("JSON Schemas of a dataset are enforced for examples that are added and changed", async () => {
  const field = (name: string) => ({
    type: "object",
    properties: { [name]: { type: "string" } },
    required: [name],
  });
  const dataset = await client.createDataset("strict", {
    inputsSchema: field("q"),
    outputsSchema: field("a"),
  });
  const added = await client.createExample({ dataset_id: dataset.id, inputs: { q: "x" } });
  const wrong = client.createExample({ dataset_id: dataset.id, inputs: { q: 1 }, outputs: {} });
  await expect(wrong).rejects.toThrow("inputs.q must be a string, got a number; outputs.a is missing");
  await expect(
    client.updateExample({ id: added.id, dataset_id: dataset.id, outputs: { a: 7 } }),
  ).rejects.toThrow("outputs.a must be a string");
  const validate = async (inputs: object): Promise<number> => {
    const body = JSON.stringify({ dataset_id: dataset.id, inputs });
    const headers = { "x-api-key": KEY };
    return (await fetch(`${api.url}/examples/validate`, { method: "POST", headers, body })).status;
  };
  expect([await validate({ q: "y" }), await validate({})]).toEqual([200, 422]);
  expect((await client.readDataset({ datasetId: dataset.id })).example_count).toBe(1);
});

test("examples like some inputs are found by the words that they have in common, rare words first", async () => {
  const { id } = await upload(
    "searched",
    "q,a\nhow do I reset my password,1\nhow do I get a refund,2\nhow do I close the account,3\n",
  );
  const search = async (body: object) => {
    const answer = await fetch(`${api.url}/datasets/${id}/search`, {
      method: "POST",
      headers: { "x-api-key": KEY },
      body: JSON.stringify(body),
    });
    const { examples = [] } = (await answer.json()) as { examples?: { outputs: { a: string } }[] };
    return [answer.status, ...examples.map(({ outputs }) => outputs.a)];
  };
  expect(await search({ inputs: { text: "Do I get my REFUND?" }, limit: 2 })).toEqual([200, "2", "1"]);
  expect((await search({ inputs: {} })).length).toBe(4);
  expect(await search({ inputs: "text" })).toEqual([422]);
  const deep = JSON.parse("[".repeat(2_000) + "]".repeat(2_000)) as unknown;
  expect(await search({ inputs: { deep } })).toEqual([422]);
  expect(await search({ inputs: {}, limit: 0 })).toEqual([422]);
  expect(await search({ inputs: {}, filter: 'exists(metadata, "nothing")' })).toEqual([200]);
});
