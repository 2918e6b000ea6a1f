import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { HttpAnswer, HttpCall, HttpTransport } from "../../exporters/core/http.js";
import type { LedgerEntry } from "../../exporters/core/ledger.js";
import { readConfig } from "../../collector/config/index.js";
import { callsOf, objectOf } from "../../exporters/langsmith/push/record-calls.js";
import { createRecordsExporter } from "../../exporters/langsmith/push/records-exporter.js";
import { recordRule } from "../../exporters/langsmith/push/record-rule.js";
import { PUSHED_RECORDS } from "../../exporters/langsmith/push/types.js";
import { encodeRecords, type JsonObject, type JsonValue, RECORD_TYPES } from "../../schema/index.js";

test("a change that is tried again behind a later one of the same thing is left out", async () => {
  const bodies: string[] = [];
  const transport = {
    post: async ({ body }: HttpCall): Promise<HttpAnswer> => {
      bodies.push(Buffer.from(body).toString());
      return { status: 200, headers: {}, body: new Uint8Array(), complete: true };
    },
    close: () => undefined,
  };
  const exporter = createRecordsExporter({
    base: new URL("http://127.0.0.1"),
    apiKey: "k",
    transport: transport as unknown as HttpTransport,
  });
  const send = (seq: number, id: string) => {
    const data = { key: "k", run_id: randomUUID(), score: seq };
    const time = "2026-11-27T10:00:00Z";
    const payload = encodeRecords([{ type: "feedback", id, op: "put", time, source: "api", data }]);
    const body = { kind: "bytes", encoding: "identity", payload } as const;
    const part = { entry: { seq } as LedgerEntry, itemCount: 1, bytes: payload.length, body };
    const batch = { signal: "records", parts: [part], itemCount: 1, bytes: payload.length } as const;
    return exporter.send(batch, new AbortController().signal);
  };
  for (const [seq, id] of [
    [2, "a"],
    [1, "a"],
    [1, "b"],
    [3, "a"],
  ] as const) {
    expect(await send(seq, id)).toEqual({ kind: "delivered" });
  }
  expect(bodies.map((body) => (JSON.parse(body) as { score: number }).score)).toEqual([2, 1, 3]);
  await exporter.close();
});

test("an example that is created and changed in one change set goes as two requests, the change behind", () => {
  const id = randomUUID();
  const other = randomUUID();
  const put = (example: string, a: number) => ({
    type: "example",
    id: example,
    op: "put",
    time: "2026-11-27T10:00:00Z",
    source: "langsmith",
    data: { dataset_id: "d", inputs: { a } },
    more: undefined,
  });
  const groups = callsOf([put(id, 1), put(other, 1), put(id, 2)]);
  expect(groups.map((group) => group.map(({ body }) => objectOf(body)["id"]))).toEqual([[id, other], [id]]);
});

test("every type of record is pushed, or has a reason in the account why it is not", () => {
  const rule = recordRule(PUSHED_RECORDS);
  const uuid = randomUUID();
  const data: JsonObject = { run_id: uuid, dataset_id: uuid, queue_id: uuid, repo_handle: "p" };
  const outcome = (type: string, op: string, change: { id?: string; data?: JsonValue } = {}): string =>
    rule({ type, op, id: uuid, source: "langsmith", data: op === "put" ? data : null, ...change }) ?? "goes";
  const outcomes = RECORD_TYPES.map(({ type }) => [type, outcome(type, "put"), outcome(type, "delete")]);
  const own = ["push/own", "push/own"];
  expect(Object.fromEntries(outcomes.map(([type, ...each]) => [type, each]))).toEqual({
    feedback: ["goes", "goes"],
    price: own,
    egress: own,
    project: ["goes", "push/project_delete"],
    dataset: ["goes", "goes"],
    example: ["goes", "goes"],
    dataset_tag: ["push/dataset_tag", "push/dataset_tag"],
    share: own,
    feedback_config: ["goes", "push/feedback_config_delete"],
    feedback_token: own,
    erasure: own,
    comparative_experiment: ["goes", "goes"],
    prompt: ["goes", "push/prompt_delete"],
    prompt_commit: ["goes", "push/prompt_delete"],
    rule: own,
    rule_run: own,
    annotation_queue: ["goes", "goes"],
    queue_item: ["goes", "push/queue_item_delete"],
    evaluator: own,
    evaluator_run: own,
    alert_event: own,
    pin: own,
    run_tag: own,
    online_evaluator: own,
  });
  // An id that is no UUID would be another address: that of the dataset, here.
  for (const type of ["feedback", "dataset", "example", "annotation_queue"]) {
    expect(outcome(type, "delete", { id: `../datasets/${uuid}` })).toBe("push/no_uuid");
  }
  expect(outcome("prompt", "put", { data: { repo_handle: ".." } })).toBe("push/prompt_without_name");
  const reviewed = {
    ...data,
    reviews: [{ user_id: "ada", status: "completed", at: "2026-11-27T10:00:00Z" }],
  };
  expect(outcome("queue_item", "put", { data: reviewed })).toBe("push/review");
  for (const { type } of RECORD_TYPES) {
    const change = { type, op: "put", id: uuid, source: "langsmith", data };
    const sent = callsOf([{ ...change, time: undefined, more: undefined }]);
    expect([type, sent.length]).toEqual([type, outcome(type, "put") === "goes" ? 1 : 0]);
  }
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
