import { afterAll, beforeAll, expect, test } from "vitest";
import { removeWhole } from "../../loop/records/remove-whole.js";
import { RECORD_CHANGES_MAX } from "../../schema/index.js";
import { createRecordWriter, queryRows, type RecordDraft } from "../../store/index.js";
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

test("a dataset with more examples than one change may have is deleted in several, itself in the last", async () => {
  for (const count of [0, RECORD_CHANGES_MAX - 2, RECORD_CHANGES_MAX - 1, 2 * RECORD_CHANGES_MAX]) {
    const examples = new Set(Array.from({ length: count }, (_, at) => `example ${at}`));
    const written: (readonly RecordDraft[])[] = [];
    // The writer refuses what is too much.
    const checked = createRecordWriter(
      { append: async () => written.length, sealed: async () => undefined },
      { source: "test" },
    );
    const writer = {
      ...checked,
      append: async (drafts: readonly RecordDraft[]) => {
        const result = await checked.append(drafts);
        written.push(drafts);
        for (const { id } of drafts) examples.delete(id ?? "");
        return result;
      },
    };
    const rows = async (sql: string) => {
      const most = Number(/LIMIT (\d+)$/.exec(sql)?.[1]);
      return [...examples].slice(0, most).map((id) => ({ id }));
    };
    await removeWhole(
      { rows, writer },
      {
        whole: { type: "dataset", id: "golden" },
        partType: "example",
        partIdsSql: "SELECT id FROM examples WHERE dataset_id = $1",
        params: ["golden"],
        time: "2026-11-27T00:00:00Z",
      },
    );
    const changes = written.flat();
    expect([examples.size, changes.length]).toEqual([0, count + 1]);
    expect(changes.at(-1)).toMatchObject({ type: "dataset", id: "golden", op: "delete" });
    expect(new Set(changes.map(({ time }) => time))).toEqual(new Set(["2026-11-27T00:00:00Z"]));
  }
});
