import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { Client } from "langsmith";
import { RunTree } from "langsmith/run_trees";
import * as ls from "langsmith/vitest";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { runApi } from "../../api/running-api.js";
import { clientOf, collect } from "./sdk.js";

/** What is built upon the SDK, unmodified: LangChain.js by its environment alone, the vitest integration, failed traces. */
const api = await runApi();
const client = clientOf(api);
const folder = mkdtempSync(join(tmpdir(), "counterfoil-failed-"));

afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test("LangChain.js traces a chain, its model with tokens and its tool by environment variables alone", async () => {
  vi.stubEnv("LANGSMITH_TRACING", "true");
  vi.stubEnv("LANGSMITH_ENDPOINT", api.url);
  vi.stubEnv("LANGSMITH_API_KEY", "any");
  vi.stubEnv("LANGSMITH_PROJECT", "from langchain");
  vi.stubEnv("LANGCHAIN_CALLBACKS_BACKGROUND", "false");
  const { AIMessage } = await import("@langchain/core/messages");
  const { ChatPromptTemplate } = await import("@langchain/core/prompts");
  const { FakeListChatModel } = await import("@langchain/core/utils/testing");
  const { RunnableLambda } = await import("@langchain/core/runnables");
  const { DynamicTool } = await import("@langchain/core/tools");
  const { awaitAllCallbacks } = await import("@langchain/core/callbacks/promises");
  const shout = new DynamicTool({
    name: "shout",
    description: "says it louder",
    func: async (text: string) => text.toUpperCase(),
  });
  const chain = ChatPromptTemplate.fromMessages([["human", "{question}"]])
    .pipe(new FakeListChatModel({ responses: ["all is well"] }))
    .pipe(RunnableLambda.from(async (message: InstanceType<typeof AIMessage>) => shout.invoke(message.text)));
  const config = { metadata: { thread_id: "thread of a chain" }, tags: ["nightly"] };
  expect(await chain.invoke({ question: "How is it?" }, config)).toBe("ALL IS WELL");
  await awaitAllCallbacks();

  const runs = await collect(client.listRuns({ projectName: "from langchain", order: "asc" }));
  const kinds = new Map(runs.map(({ name, run_type }) => [name, run_type]));
  expect(Object.fromEntries(kinds)).toMatchObject({
    RunnableSequence: "chain",
    ChatPromptTemplate: "prompt",
    FakeListChatModel: "llm",
    shout: "tool",
  });
  const root = runs.find(({ parent_run_id: parent }) => !parent);
  expect(root).toMatchObject({
    status: "success",
    inputs: { question: "How is it?" },
    tags: ["nightly"],
    extra: { metadata: { thread_id: "thread of a chain" } },
  });
  expect(new Set(runs.map(({ trace_id }) => trace_id))).toEqual(new Set([root?.id]));
  const model = runs.find(({ run_type: type }) => type === "llm");
  expect(JSON.stringify(model?.outputs)).toContain("all is well");
});

// Its own tests: they run against the server, and are looked at below.
ls.describe(
  "capitals",
  () => {
    ls.test(
      "knows France",
      { inputs: { country: "France" }, referenceOutputs: { capital: "Paris" } },
      async ({ referenceOutputs }) => {
        ls.logOutputs({ capital: "Paris" });
        ls.logFeedback({ key: "length", score: 5 });
        expect(referenceOutputs?.["capital"]).toBe("Paris");
      },
    );
    ls.test(
      "knows Peru",
      { inputs: { country: "Peru" }, referenceOutputs: { capital: "Lima" } },
      async () => {
        ls.logOutputs({ capital: "Lima" });
      },
    );
  },
  { client, enableTestTracking: true },
);

test("langsmith/vitest made a dataset, an experiment, runs on its examples and feedback", async () => {
  const dataset = await client.readDataset({ datasetName: "capitals" });
  const examples = await collect(client.listExamples({ datasetId: dataset.id }));
  expect(examples.map(({ inputs }) => inputs["country"] as string).sort()).toEqual(["France", "Peru"]);
  const [experiment] = await collect(client.listProjects({ referenceDatasetId: dataset.id }));
  const runs = await collect(client.listRuns({ projectId: experiment?.id ?? "", isRoot: true }));
  expect(runs.map(({ outputs }) => outputs?.["capital"] as string).sort()).toEqual(["Lima", "Paris"]);
  expect(runs.map((run) => run.reference_example_id ?? "").sort()).toEqual(
    examples.map(({ id }) => id).sort(),
  );
  const feedback = await collect(client.listFeedback({ runIds: runs.map(({ id }) => id) }));
  expect(feedback.map(({ key, score }) => `${key} ${String(score)}`).sort()).toEqual([
    "length 5",
    "pass true",
    "pass true",
  ]);
});

/** A zstd frame that holds its content as it is (RFC 8878, raw blocks): Node 20 has no encoder. */
function zstdFrame(content: Uint8Array): Buffer {
  const blockBytes = 128 * 1024;
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  head.writeUInt32LE(content.length, 5);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += blockBytes) {
    const block = content.subarray(at, at + blockBytes);
    const size = Buffer.alloc(4);
    size.writeUInt32LE((block.length << 3) | (at + blockBytes >= content.length ? 1 : 0));
    blocks.push(size.subarray(0, 3), block);
  }
  return Buffer.concat([head, ...blocks]);
}

test("traces that the SDK could not send and wrote to files are taken as they are, plain and as zstd, and twice", async () => {
  vi.stubEnv("LANGSMITH_FAILED_TRACES_DIR", folder);
  const down = new Client({
    apiUrl: "http://127.0.0.1:9",
    apiKey: "any",
    callerOptions: { maxRetries: 0 },
    // An answer that is not tried again.
    fetchImplementation: async () => new Response("no", { status: 400 }),
  });
  const run = new RunTree({ name: "kept", project_name: "replayed", client: down, inputs: { q: 1 } });
  await run.postRun();
  await run.end({ a: 2 });
  await run.patchRun();
  await down.awaitPendingTraceBatches();
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThan(0);
  // Where Node can't decompress it, /info says so, and it is refused by name.
  const zstd = "zstdDecompress" in zlib ? 202 : 415;
  for (const encoding of ["identity", "zstd", "identity"]) {
    for (const file of files) {
      const kept = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
        endpoint: string;
        headers: Record<string, string>;
        body_base64: string;
      };
      const body = Buffer.from(kept.body_base64, "base64");
      const headers = new Headers(kept.headers);
      const isPlain = encoding === "zstd" && !headers.has("content-encoding");
      if (isPlain) headers.set("content-encoding", "zstd");
      const answer = await fetch(`${api.url}/${kept.endpoint}`, {
        method: "POST",
        headers,
        body: isPlain ? zstdFrame(body) : body,
      });
      expect(answer.status).toBe(isPlain ? zstd : 202);
    }
  }
  const runs = await collect(client.listRuns({ projectName: "replayed" }));
  expect(runs).toMatchObject([{ id: run.id, name: "kept", inputs: { q: 1 }, outputs: { a: 2 } }]);
});
