import { randomUUID } from "node:crypto";
import { Client, type Run } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryRows } from "../../../store/index.js";
import { runApi, type RunningApi } from "../../api/running-api.js";

/** Two servers: one is the LangSmith of the other. */
let far: RunningApi;
let near: RunningApi;

beforeAll(async () => {
  far = await runApi();
  near = await runApi(`
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  mirror: {}
  langsmith: { endpoint: "${far.url}", api_key: any, mode: native, trace_wait: 10ms }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [mirror, langsmith] }
`);
});

afterAll(async () => {
  await near.stop();
  await far.stop();
});

const SECONDS = 20_000;

test("runs that came natively reach LangSmith with their ids and fields, the update as an update", async () => {
  const client = new Client({
    apiUrl: near.url,
    apiKey: "any",
    autoBatchTracing: false,
    callerOptions: { maxRetries: 0 },
  });
  const id = randomUUID();
  const place = { trace_id: id, dotted_order: `20261123T100000000000Z${id}` };
  await client.multipartIngestRuns({
    runCreates: [
      {
        id,
        ...place,
        name: "far",
        run_type: "llm",
        inputs: { messages: [["human", "hi"]] },
        start_time: "2026-11-23T10:00:00.123456Z",
        extra: { metadata: { ls_model_name: "m", deep: { list: [1, null] } }, runtime: { x: 1 } },
        tags: ["a,b"],
        session_name: "chained",
        attachments: { picture: ["image/png", Uint8Array.of(1, 2, 3)] },
      },
    ],
  });
  await near.collector.flush(SECONDS);
  await client.multipartIngestRuns({
    runUpdates: [{ id, ...place, outputs: { answer: "hello" }, end_time: "2026-11-23T10:00:01Z" }],
  });
  await near.collector.flush(SECONDS);

  const read = async (api: RunningApi): Promise<Partial<Run>> => {
    const run = (await (await fetch(`${api.url}/runs/${id}`)).json()) as Partial<Run> & {
      inserted_at?: string;
    };
    const { inserted_at: _received, ...same } = run;
    return same;
  };
  const there = await read(far);
  expect(there).toMatchObject({
    name: "far",
    outputs: { answer: "hello" },
    tags: ["a,b"],
    status: "success",
  });
  expect(there).toEqual(await read(near));
  const sql = "SELECT attributes['langsmith.attachments'] AS files FROM spans WHERE run_id = $1";
  const files = (api: RunningApi) => queryRows({ dataDir: api.dataDir, sql, params: [id] });
  expect(await files(far)).toEqual(await files(near));
  expect((await files(far))[0]?.["files"]).toContain("AQID");
});

test("what was imported from LangSmith does not go back there, and is counted", async () => {
  const id = randomUUID();
  const run = { id, trace_id: id, dotted_order: `20261123T100000000000Z${id}`, name: "n", run_type: "chain" };
  const sent = await fetch(`${near.url}/runs`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-counterfoil-import": "langsmith" },
    body: JSON.stringify({ ...run, start_time: "2026-11-23T10:00:00Z", end_time: "2026-11-23T10:00:01Z" }),
  });
  expect(sent.status).toBe(202);
  await near.collector.flush(SECONDS);
  expect((await fetch(`${near.url}/runs/${id}`)).status).toBe(200);
  expect((await fetch(`${far.url}/runs/${id}`)).status).toBe(404);
  const counted = near.collector.status().destinations.find(({ name }) => name === "langsmith");
  expect(counted?.filtered["imported/langsmith"]?.traces).toBe(1);
});
