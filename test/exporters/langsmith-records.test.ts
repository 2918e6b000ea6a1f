import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../collector/config/index.js";
import { canonicalJson, type JsonObject, type JsonValue } from "../../schema/index.js";
import { runApi, type RunningApi } from "../api/running-api.js";
import { FaultyProxy, type ProxyFault } from "../support/faulty-proxy.js";

/** `far` is the LangSmith of `near`, behind a proxy. */
let far: RunningApi;
let near: RunningApi;
let proxy: FaultyProxy;
const SECONDS = 110_000;

beforeAll(async () => {
  far = await runApi();
  proxy = await new FaultyProxy(far.url).start();
  near = await runApi(`
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  mirror: {}
  langsmith:
    endpoint: "${proxy.url}/api/v1"
    api_key: any
    push: [feedback, datasets, projects]
    retry_on_failure: { initial_interval: 10ms, max_interval: 50ms }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [mirror, langsmith] }
`);
});

afterAll(async () => {
  await near.stop();
  await proxy.stop();
  await far.stop();
});

async function call(api: RunningApi, method: string, path: string, body?: JsonValue): Promise<JsonValue> {
  const response = await fetch(api.url + path, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect(response.status, `${method} ${path}: ${text}`).toBeLessThan(300);
  return text === "" ? null : (JSON.parse(text) as JsonValue);
}

/** What was decided: without what each server says for itself. */
function decided(thing: JsonValue): JsonObject {
  const own = new Set([
    "modified_at",
    "created_at",
    "start_time",
    "attachment_urls",
    "last_run_start_time_live",
  ]);
  return Object.fromEntries(Object.entries(thing as JsonObject).filter(([name]) => !own.has(name)));
}

async function same(path: string): Promise<void> {
  const list = async (api: RunningApi): Promise<string[]> =>
    ((await call(api, "GET", path)) as readonly JsonValue[])
      .map((each) => canonicalJson(decided(each)))
      .sort();
  expect(await list(far)).toEqual(await list(near));
}

const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const object = fc.dictionary(fc.string({ maxLength: 8 }), json, { maxKeys: 3 });
const text = fc.string({ maxLength: 20 });

test("pull(push(x)) = x: feedback, datasets, examples and projects are there as they are here, also after changes", async () => {
  const things = fc.sample(
    fc.record({
      score: fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.boolean()),
      value: json,
      comment: text,
      correction: object,
      inputs: object,
      outputs: object,
      metadata: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), json, { maxKeys: 3 }),
    }),
    { numRuns: 12, seed: 20261127 },
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
  await call(near, "POST", "/feedback", feedback);
  await near.collector.flush(SECONDS);
  await same("/datasets");
  await same(`/examples?dataset=${dataset}`);
  await same("/feedback");
  await same("/sessions?name=try");

  const [first, second] = [examples[0]?.id ?? "", examples[1]?.id ?? ""];
  await call(near, "PATCH", `/examples/${first}`, { outputs: { changed: true } });
  await call(near, "DELETE", `/examples/${second}`);
  await call(near, "PATCH", `/datasets/${dataset}`, { description: "changed" });
  await call(near, "PATCH", `/feedback/${feedback[0]?.id}`, { score: 0.25, comment: "changed" });
  await call(near, "DELETE", `/feedback/${feedback[1]?.id}`);
  await near.collector.flush(SECONDS);
  await same("/datasets");
  await same(`/examples?dataset=${dataset}`);
  await same("/feedback");
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

test("I7: a configuration that would send records around a redaction is refused", () => {
  const { errors } = readConfig(
    {
      file: "x",
      text: `
receivers: { otlp: { protocols: { http: {} } } }
processors: { redaction: { value_patterns: ["secret"] } }
exporters: { mirror: {}, langsmith: { api_key: k, push: [spans, feedback] } }
service: { pipelines: { traces: { receivers: [otlp], processors: [redaction], exporters: [mirror, langsmith] } } }
`,
    },
    {},
  );
  expect(errors.map(({ message }) => message).join()).toContain("records are not redacted");
});

/** Records of the destination's account, by reason. */
function destination(): { filtered: Record<string, number>; dead_letter: Record<string, number> } {
  const found = near.collector.status().destinations.find(({ name }) => name === "langsmith.records");
  const recordsOf = (buckets: Readonly<Record<string, { readonly records: number }>> = {}) =>
    Object.fromEntries(Object.entries(buckets).map(([reason, { records }]) => [reason, records]));
  return { filtered: recordsOf(found?.filtered), dead_letter: recordsOf(found?.dead_letter) };
}
