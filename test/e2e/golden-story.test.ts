import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SupportAgentSummary } from "../../examples/support-agent/run.js";
import { queryRows } from "../../store/index.js";
import { runApi, type RunningApi } from "../api/running-api.js";

const AGENT = fileURLToPath(new URL("../../dist/examples/support-agent/main.js", import.meta.url));
const RULES = [
  {
    name: "golden-corrections",
    filter: 'and(eq(feedback_key, "correctness"), eq(feedback_score, 0))',
    debounce_seconds: 0,
    actions: [{ type: "add_to_dataset", dataset: "golden-support", outputs: "correction" }],
  },
  {
    name: "golden-positives",
    filter: 'and(eq(is_root, true), eq(feedback_key, "correctness"), gte(feedback_score, 1))',
    debounce_seconds: 0,
    actions: [
      {
        type: "add_to_dataset",
        dataset: "golden-support",
        outputs: "output",
        splits: ["must-not-regress"],
      },
    ],
  },
];
let api: RunningApi;
let client: Client;
let summary: SupportAgentSummary;

beforeAll(async () => {
  api = await runApi();
  client = new Client({ apiUrl: api.url, apiKey: "any", callerOptions: { maxRetries: 0 } });
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: api.url };
  Object.assign(env, { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true" });
  const { stdout } = await promisify(execFile)(process.execPath, [AGENT], { env });
  summary = JSON.parse(stdout) as SupportAgentSummary;
  await post("/api/v1/rules/apply", { rules: RULES });
}, 60_000);
afterAll(() => api.stop());

async function post(path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(api.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return JSON.parse(text);
}

const rulesAreThrough = () => post("/api/v1/rules/wait", { deadline_ms: 60_000 });

async function examplesOf(dataset: string) {
  const all = [];
  for await (const example of client.listExamples({ datasetName: dataset })) all.push(example);
  return all;
}

/** LangSmith's id of a trace's root run. */
const rootRun = (trace: string): string =>
  [trace.slice(0, 8), trace.slice(8, 12), trace.slice(12, 16), trace.slice(16, 20), trace.slice(20)].join(
    "-",
  );

test("a wrong answer that is scored 0 and corrected through the langsmith SDK becomes a golden example by rule, with where it came from", async () => {
  const traceId = summary.wrongAnswerTraceId;
  await client.createFeedback(rootRun(traceId), "correctness", {
    score: 0,
    correction: { label: "non-refundable" },
    sourceInfo: { reviewer: "ada" },
  });
  await rulesAreThrough();

  const examples = await examplesOf("golden-support");
  expect(examples).toHaveLength(1);
  expect(examples[0]).toMatchObject({
    outputs: { label: "non-refundable" },
    source_run_id: rootRun(traceId),
  });
  const run = await client.readRun(rootRun(traceId));
  expect(examples[0]?.inputs).toEqual(run.inputs);
  expect(Object.keys(run.inputs).length).toBeGreaterThan(0);

  const [row] = await queryRows({ dataDir: api.dataDir, sql: "SELECT data FROM examples" });
  const { provenance } = JSON.parse(row?.["data"] as string) as { provenance: never };
  const [feedback] = await queryRows({ dataDir: api.dataDir, sql: "SELECT id FROM feedback" });
  expect(provenance).toMatchObject({
    rule: { name: "golden-corrections", version: 1 },
    run: { trace_id: traceId, run_id: rootRun(traceId), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    feedback: [{ id: feedback?.["id"], key: "correctness", score: 0 }],
    correction: { feedback_id: feedback?.["id"] },
  });
});

test("a good run with positive feedback lands in the split must-not-regress, as another version of the dataset", async () => {
  const before = await client.readDatasetVersion?.({ datasetName: "golden-support", tag: "latest" });
  const good = summary.conversations.find(
    ({ outcome, conversationId }) =>
      outcome === "answered" && conversationId !== summary.wrongAnswerConversationId,
  );
  const traceId = good?.traceIds.at(-1) ?? "";
  await client.createFeedback(rootRun(traceId), "correctness", { score: 1 });
  await rulesAreThrough();

  const examples = await examplesOf("golden-support");
  expect(examples).toHaveLength(2);
  const kept = examples.find(({ source_run_id }) => source_run_id === rootRun(traceId));
  const run = await client.readRun(rootRun(traceId));
  expect(kept?.outputs).toEqual(run.outputs);
  expect(kept?.metadata).toMatchObject({ dataset_split: ["must-not-regress"] });
  const after = await client.readDatasetVersion?.({ datasetName: "golden-support", tag: "latest" });
  expect(after?.as_of).not.toBe(before?.as_of);
});

test("the same runs and feedback delivered again, and a restart, add nothing", async () => {
  const count =
    "SELECT (SELECT count(*) FROM examples_history) AS examples, (SELECT count(*) FROM rule_runs_history) AS runs";
  const before = await queryRows({ dataDir: api.dataDir, sql: count });
  expect(before).not.toEqual([{ examples: 0, runs: 0 }]);
  const traceId = summary.wrongAnswerTraceId;
  await client.createFeedback(rootRun(traceId), "correctness", {
    score: 0,
    correction: { label: "non-refundable" },
  });
  await rulesAreThrough();
  api = await api.restart();
  await rulesAreThrough();
  expect(await queryRows({ dataDir: api.dataDir, sql: count })).toEqual(before);
});
