import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AnyValue, KeyValue, LogRecord, SignalData, SpanEvent } from "../../../schema/index.js";
import { dataDirPaths, repairMirror } from "../../../store/index.js";
import { MirrorHarness, RECEIVED, request, span, spanId, traceId } from "../../support/mirror-harness.js";
import { appendChanges, put, remove } from "../../support/records.js";

let harness: MirrorHarness;
beforeEach(async () => {
  harness = await MirrorHarness.open({ sealIntervalMs: 5 });
});
afterEach(() => harness.close());

const T = traceId(7);
const S = spanId(8);

function attributes(values: Readonly<Record<string, string | number | AnyValue>>): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === "string"
        ? { stringValue: value }
        : typeof value === "number"
          ? { doubleValue: value }
          : value,
  }));
}

/** As pydantic-evals sends the result of an online evaluation. */
const RESULT = {
  "gen_ai.evaluation.name": "faithfulness",
  "gen_ai.evaluation.score.value": 0.8,
  "gen_ai.evaluation.score.label": "pass",
  "gen_ai.evaluation.explanation": "All claims are in the documents.",
  "gen_ai.evaluation.evaluator.source": "judge",
};

function logs(...records: Partial<LogRecord>[]): SignalData["logs"] {
  const logRecords = records.map((given) => ({
    timeUnixNano: RECEIVED,
    observedTimeUnixNano: RECEIVED + 1n,
    severityNumber: 0,
    severityText: "",
    attributes: attributes(RESULT),
    droppedAttributesCount: 0,
    flags: 0,
    traceId: T,
    spanId: S,
    eventName: "gen_ai.evaluation.result",
    ...given,
  }));
  return { resourceLogs: [{ scopeLogs: [{ logRecords, schemaUrl: "" }], schemaUrl: "" }] };
}

const event = (values: Record<string, string | number>, timeUnixNano = RECEIVED + 5n): SpanEvent => ({
  name: "gen_ai.evaluation.result",
  timeUnixNano,
  attributes: attributes(values),
  droppedAttributesCount: 0,
});

async function feedback(columns: string, where = "true"): Promise<unknown[][]> {
  await harness.mirror.flush(10_000);
  return harness.query(`SELECT ${columns} FROM feedback WHERE ${where} ORDER BY key, span_id, score`);
}

test("an evaluation event in a log is feedback on its span, once however often it is delivered, and before the span comes", async () => {
  await harness.appendData("logs", logs({}), 1);
  await harness.appendData(
    "logs",
    logs({}, { attributes: attributes({ ...RESULT, "gen_ai.evaluation.name": "tone" }) }),
    2,
  );
  expect(
    await feedback(
      "key, score, value, comment, target, trace_id, span_id, source_type, source_metadata, source",
    ),
  ).toEqual(
    ["faithfulness", "tone"].map((key) => [
      key,
      0.8,
      '"pass"',
      RESULT["gen_ai.evaluation.explanation"],
      "span",
      T,
      S,
      "otel",
      '{"evaluator.source":"judge"}',
      "otlp",
    ]),
  );
  await harness.appendData("traces", request(span({ traceId: T, spanId: S, name: "late" })), 1);
  await harness.appendData("logs", logs({}), 1);
  await harness.mirror.flush(10_000);
  expect(
    await harness.query("SELECT key, name FROM feedback JOIN spans USING (trace_id, span_id) ORDER BY key"),
  ).toEqual([
    ["faithfulness", "late"],
    ["tone", "late"],
  ]);
  expect(await harness.query("SELECT count(*)::INT FROM feedback_history")).toEqual([[4]]);
  expect(await harness.query("SELECT count(*)::INT FROM span_logs")).toEqual([[4]]);
});

test("the older attribute event.name, a failed evaluator and an event without a name are understood", async () => {
  await harness.appendData(
    "logs",
    logs(
      { eventName: "", attributes: attributes({ ...RESULT, "event.name": "gen_ai.evaluation.result" }) },
      { attributes: attributes({ "gen_ai.evaluation.name": "broken", "error.type": "timeout" }) },
      { attributes: attributes({ "gen_ai.evaluation.score.value": 1 }) },
      { eventName: "something.else" },
    ),
    4,
  );
  expect(await feedback("key, score, error")).toEqual([
    ["broken", null, true],
    ["faithfulness", 0.8, null],
  ]);
});

test("where the span is not known, the response id finds it, whichever comes first", async () => {
  const named = { ...RESULT, "gen_ai.response.id": "resp-1" };
  await harness.appendData("logs", logs({ traceId: "", spanId: "", attributes: attributes(named) }), 1);
  expect(await feedback("target, trace_id, span_id, response_id")).toEqual([["span", null, null, "resp-1"]]);
  const call = span({ traceId: T, spanId: S, attributes: attributes({ "gen_ai.response.id": "resp-1" }) });
  await harness.appendData("traces", request(span({ traceId: T, spanId: spanId(9) }), call), 2);
  expect(await feedback("trace_id, span_id")).toEqual([[T, S]]);
});

test("evaluation events within a span are feedback on it; a span sent twice gives them once", async () => {
  const judged = span({
    traceId: T,
    spanId: S,
    events: [
      event({ "gen_ai.evaluation.name": "a", "gen_ai.evaluation.score.value": 1 }),
      { ...event({}), name: "other" },
      event({ "gen_ai.evaluation.name": "b", "gen_ai.evaluation.score.label": "good" }),
      event({ "gen_ai.evaluation.name": "a", "gen_ai.evaluation.score.value": 0 }, RECEIVED + 6n),
    ],
  });
  for (const _ of [1, 2]) await harness.appendData("traces", request(judged), 1);
  expect(await feedback("key, score, value, span_id")).toEqual([
    ["a", 0, null, S],
    ["a", 1, null, S],
    ["b", null, '"good"', S],
  ]);
});

test("OpenInference's annotations and evaluations are feedback on the span, the trace or the session that they name", async () => {
  const inline = {
    "session.id": "thread-1",
    "annotations.0.annotation.name": "hallucination",
    "annotations.0.annotation.score": { intValue: 1n },
    "annotations.0.annotation.label": "hallucinated",
    "annotations.0.annotation.explanation": "Not in the documents.",
    "annotations.0.annotation.annotator_kind": "LLM",
    "annotations.0.annotation.metadata": '{"rubric_version":"2"}',
    "annotations.1.annotation.name": "hallucination",
    "annotations.1.annotation.score": 0,
    "annotations.1.annotation.annotator_kind": "HUMAN",
    "annotations.2.annotation.score": 0.5,
    "trace.evaluations.0.evaluation.name": "solved",
    "trace.evaluations.0.evaluation.label": "yes",
    "session.annotations.0.annotation.name": "mood",
    "session.annotations.0.annotation.score": 3,
  };
  const judged = span({ traceId: T, spanId: S, attributes: attributes(inline) });
  for (const _ of [1, 2]) await harness.appendData("traces", request(judged), 1);
  expect(
    await feedback(
      "key, score, value, comment, source_type, source_metadata, target, trace_id, span_id, thread_id",
    ),
  ).toEqual([
    ["hallucination", 0, null, null, "human", null, "span", T, S, null],
    [
      "hallucination",
      1,
      '"hallucinated"',
      "Not in the documents.",
      "model",
      '{"rubric_version":"2"}',
      "span",
      T,
      S,
      null,
    ],
    ["mood", 3, null, null, "otel", null, "thread", null, null, "thread-1"],
    ["solved", null, '"yes"', null, "otel", null, "trace", T, null, null],
  ]);
});

test("a span with exactly one link carries judgements of the linked span, and an identifier lets a later one replace it", async () => {
  const link = { traceId: T, spanId: S, traceState: "", attributes: [], droppedAttributesCount: 0, flags: 0 };
  const carrier = (id: number, score: number, links = [link]): ReturnType<typeof span> =>
    span({
      traceId: traceId(id),
      spanId: spanId(id),
      endTimeUnixNano: RECEIVED + BigInt(id),
      links,
      attributes: attributes({
        "evaluations.0.evaluation.name": "correct",
        "evaluations.0.evaluation.score": score,
        "evaluations.0.evaluation.identifier": "judge-v2",
      }),
    });
  await harness.appendData("traces", request(carrier(20, 0.1)), 1);
  await harness.appendData("traces", request(carrier(21, 0.9)), 1);
  // The first one again: it was overtaken before, and still is.
  await harness.appendData("traces", request(carrier(20, 0.1)), 1);
  await harness.appendData("traces", request(carrier(22, 0.5, [link, link])), 1);
  expect(await feedback("trace_id, span_id, score")).toEqual([
    [T, S, 0.9],
    [traceId(22), spanId(22), 0.5],
  ]);
});

test("what people decide about feedback from telemetry outlasts its redelivery", async () => {
  await harness.appendData("logs", logs({}, { timeUnixNano: RECEIVED + 9n }), 2);
  const [[kept = ""] = [], [gone = ""] = []] = (await feedback("id, created_at")) as string[][];
  const corrected = put(
    kept,
    { key: "faithfulness", score: 0.1, trace_id: T, span_id: S },
    { time: "2020-01-01T00:00:00Z" },
  );
  await appendChanges(harness, [corrected, remove(gone)]);
  await harness.appendData("logs", logs({}, { timeUnixNano: RECEIVED + 9n }), 2);
  expect(await feedback("id, score")).toEqual([[kept, 0.1]]);
});

test("a file of feedback that was damaged is made anew from the journal, with what came out of telemetry", async () => {
  mkdirSync(dataDirPaths(harness.dir).temp, { recursive: true });
  await harness.appendData("logs", logs({}), 1);
  await appendChanges(harness, [put("f1", { key: "z", score: true, trace_id: T })]);
  const before = await feedback("id, key, score_boolean, data");
  expect(before).toHaveLength(2);
  const damaged = harness.catalog.snapshot().files.filter(({ table }) => table === "feedback");
  for (const { path } of damaged) rmSync(join(dataDirPaths(harness.dir).mirror, path));
  const suspects = damaged.map(({ path }) => path);
  const report = await repairMirror({ dataDir: harness.dir, catalog: harness.catalog, suspects });
  expect([report.failed, report.lost]).toEqual([[], []]);
  expect(await feedback("id, key, score_boolean, data")).toEqual(before);
});

test("a change set that is no JSON Lines is one dead letter, counted, and the rest goes on", async () => {
  await harness.append({
    signal: "records",
    payload: Buffer.from('{"type":"feedback","id":"a"\n'),
    itemCount: 3,
  });
  await appendChanges(harness, [put("ok", { key: "k", trace_id: T })]);
  expect(await feedback("id")).toEqual([["ok"]]);
  const { delivered, deadLetter } = harness.mirror.stats();
  expect(delivered.records).toBe(1);
  expect(deadLetter["undecodable"]?.records).toBe(3);
});
