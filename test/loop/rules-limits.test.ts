import { afterAll, beforeAll, expect, test } from "vitest";
import { queryRows } from "../../store/index.js";
import { runApi, type RunningApi } from "../api/running-api.js";

let api: RunningApi;
beforeAll(async () => {
  api = await runApi(`
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { mirror: }
journal: { max_size: 256KiB }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror] } } }
`);
});
afterAll(() => api.stop());

async function post(path: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(api.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect([path, answer.status, await answer.text()]).toEqual([path, 200, expect.anything()]);
}

test("what a rule makes of a trace at once and the journal can't take goes there in parts, and the rule goes on", async () => {
  const actions = [{ type: "add_to_dataset", dataset: "golden", outputs: "output" }];
  await post("/api/v1/rules/apply", { rules: [{ name: "all", debounce_seconds: 0, actions }] });
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  // Examples and notes of all 50 together are above a quarter of the journal's cap, the spans are not.
  const spans = Array.from({ length: 50 }, (_, at) => ({
    traceId,
    spanId: (at + 1).toString(16).padStart(16, "0"),
    ...(at === 0 ? {} : { parentSpanId: "1".padStart(16, "0") }),
    name: "step",
    startTimeUnixNano: "1795413600000000000",
    endTimeUnixNano: "1795413601000000000",
    attributes: [
      text("gen_ai.prompt", JSON.stringify({ q: "x".repeat(500) })),
      text("gen_ai.completion", JSON.stringify({ a: at })),
    ],
  }));
  await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
  await post("/api/v1/rules/wait", { deadline_ms: 60_000 });
  const rows = await queryRows({
    dataDir: api.dataDir,
    sql: `SELECT (SELECT count(*)::INTEGER FROM examples) AS examples,
  (SELECT list(DISTINCT outcome)::VARCHAR FROM rule_runs) AS outcomes, (SELECT count(DISTINCT seq)::INTEGER FROM examples) AS parts`,
  });
  expect(rows).toEqual([{ examples: 50, outcomes: "[success]", parts: 2 }]);
});
