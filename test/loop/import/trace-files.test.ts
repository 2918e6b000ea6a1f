import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { phoenixItems } from "../../../loop/import/traces/phoenix.js";
import {
  decodeOtlpJson,
  encodeOtlpJson,
  IMPORT_BATCH_BYTES,
  type JsonObject,
  type JsonValue,
} from "../../../schema/index.js";
import { openFileEngine } from "../../../store/index.js";
import { otlpArbitraries } from "../../support/otlp-arbitraries.js";
import { lines, type TraceImports, traceImports } from "./trace-imports.js";

let imports: TraceImports;

beforeAll(async () => {
  imports = await traceImports();
});
afterAll(() => imports.close());

const TRACE = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4";
const SPAN = "1a2b3c4d5e6f7a8b";

describe("import phoenix", () => {
  it("reads OTLP with the names that Phoenix writes as it reads OTLP's own, for any request", () => {
    const snake = (value: JsonValue): JsonValue => {
      if (Array.isArray(value)) return value.map(snake);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value).map(([name, item]) => [
          name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
          snake(item),
        ]),
      );
    };
    fc.assert(
      fc.property(otlpArbitraries({ plain: true }).traces, (data) => {
        const text = encodeOtlpJson("traces", data);
        const wanted = decodeOtlpJson("traces", text).resourceSpans.flatMap(({ resource, scopeSpans }) =>
          scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => ({ resource, scope, span }))),
        );
        const found = phoenixItems("x", snake(JSON.parse(text) as JsonValue) as JsonObject) ?? [];
        expect(found.flatMap((item) => (item.kind === "span" ? [item.span] : []))).toEqual(
          wanted
            .filter(({ span }) => !/^0*$/.test(span.traceId) && !/^0*$/.test(span.spanId))
            .map(({ span }) => span),
        );
      }),
      { numRuns: 30 },
    );
  });

  it("takes OTLP, its own lines and annotations; times to the nanosecond; again nothing; what is nothing of it is named", async () => {
    const own = {
      id: "U3Bhbjox",
      name: "answer",
      context: { trace_id: TRACE, span_id: SPAN },
      span_kind: "LLM",
      parent_id: null,
      start_time: "2026-11-01T12:00:00.123456+00:00",
      end_time: "2026-11-01T12:00:01+00:00",
      status_code: "ERROR",
      status_message: "too long",
      attributes: {
        llm: { model_name: "gpt-4o", token_count: { prompt: 100 } },
        "llm.input_messages": [{ message: { role: "user", content: "hi" } }],
        "trace.annotations.0.annotation.name": "helpful",
        "trace.annotations.0.annotation.label": "yes",
      },
      events: [
        {
          name: "exception",
          timestamp: "2026-11-01T12:00:00.5+00:00",
          attributes: { "exception.type": "E" },
        },
      ],
    };
    const annotation = {
      id: "QW5ub3Q6MQ==",
      updated_at: "2026-11-01T12:00:02+00:00",
      name: "tone",
      annotator_kind: "LLM",
      result: { label: "good", score: 0.5, explanation: "because" },
      span_id: SPAN,
    };
    const otlp =
      `{"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "${TRACE}", "span_id": "00000000000000aa",
      "name": "x", "start_time_unix_nano": 1795413600123456789, "end_time_unix_nano": 1795413601123456789, "status": {"code": 1, "message": null},
      "attributes": [{"key": "n", "value": {"double_value": "nan", "int_value": null}}]}]}]}]}`.replaceAll(
        "\n",
        "",
      );
    const path = imports.file(
      "phoenix/a.jsonl.gz",
      gzipSync(`${lines(own, { data: [annotation] })}${otlp}\nnope\n{"a":1}\n{"resourceLogs":[]}\n`),
    );
    const first = await imports.take("phoenix", join(path, ".."), "support");
    expect(first).toEqual({
      counts: [
        "spans: 2 found, 2 stored, 0 unchanged",
        "feedback in spans: 1 found, 1 stored, 0 unchanged",
        "feedback: 1 found, 1 stored, 0 unchanged",
        "rows: 3 found, 0 stored, 0 unchanged",
      ],
      reasons: [
        "it is no JSON",
        "it is nothing that phoenix writes",
        "logs and metrics are not traces: only these are imported",
      ],
    });
    const spans = await imports.reader.query(
      `SELECT name, run_type, project, status_message, input_tokens::INTEGER AS tokens, epoch_ns(start_time)::VARCHAR AS start,
       input_messages IS NOT NULL AS has_input FROM spans WHERE trace_id = $1 ORDER BY start_time`,
      [TRACE],
    );
    expect(spans).toMatchObject([
      {
        name: "answer",
        run_type: "llm",
        project: "support",
        status_message: "too long",
        tokens: 100,
        has_input: true,
      },
      { name: "x", start: "1795413600123456789" },
    ]);
    const feedback = await imports.reader.query(
      "SELECT key, score, value, comment, target, span_id FROM feedback WHERE trace_id = $1 ORDER BY key",
      [TRACE],
    );
    expect(feedback).toMatchObject([
      { key: "helpful", value: '"yes"', target: "trace" },
      { key: "tone", score: 0.5, value: '"good"', comment: "because", target: "span", span_id: SPAN },
    ]);
    const again = await imports.take("phoenix", path, "support");
    expect(again.counts.map((count) => count.replace(/.*found, /, ""))).toEqual([
      "0 stored, 2 unchanged",
      "0 stored, 1 unchanged",
      "0 stored, 1 unchanged",
      "0 stored, 0 unchanged",
    ]);
  });

  it("a damaged file among several is named, and keeps no other out", async () => {
    const span = {
      trace_id: TRACE,
      span_id: "00000000000000cc",
      name: "y",
      start_time_unix_nano: 1_795_413_600,
    };
    const whole = imports.file(
      "several/b.json",
      JSON.stringify({ resource_spans: [{ scope_spans: [{ spans: [span] }] }] }),
    );
    imports.file("several/a.jsonl.gz", "no gzip");
    imports.file("several/c.parquet", "no Parquet");
    imports.file("several/d.eval", "not asked for");
    const { counts, reasons } = await imports.take("phoenix", join(whole, ".."));
    expect(counts).toEqual(["spans: 1 found, 1 stored, 0 unchanged", "rows: 2 found, 0 stored, 0 unchanged"]);
    expect(reasons).toEqual([
      expect.stringContaining("a.jsonl.gz"),
      expect.stringMatching(/^Can't import [^:]*c\.parquet: (?!Can't import)/),
    ]);
  });

  const span = (n: number, more: JsonObject) => ({
    name: "hostile",
    context: { trace_id: TRACE, span_id: `00000000000010${n}0` },
    start_time: "2026-11-01T12:00:00Z",
    ...more,
  });

  it("what is nested deeper than the stack reaches is named or left out, words of objects mean nothing; the rest is taken", async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    const text =
      `{"data": [${deep}]}\n` +
      lines(span(1, { attributes: deep }), span(2, { status_code: "constructor", attributes: {} }));
    expect(await imports.take("phoenix", imports.file("deep.jsonl", text))).toEqual({
      counts: ["spans: 2 found, 2 stored, 0 unchanged", "rows: 1 found, 0 stored, 0 unchanged"],
      reasons: ["it is nested more than 1000 deep"],
    });
  });

  it("hands over requests of few megabytes, whatever in a span is large", async () => {
    const events = [{ name: "x".repeat(1_500_000), timestamp: "2026-11-01T12:00:00Z", attributes: {} }];
    const path = imports.file("large.jsonl", lines(...[3, 4, 5, 6, 7].map((n) => span(n, { events }))));
    imports.requests.length = 0;
    expect(await imports.take("phoenix", path)).toEqual({
      counts: ["spans: 5 found, 5 stored, 0 unchanged"],
      reasons: [],
    });
    expect(Math.max(...imports.requests)).toBeLessThanOrEqual(IMPORT_BATCH_BYTES);
  });

  it("refuses files that are cut short, and says so of what is not there", async () => {
    const whole = gzipSync(lines({ data: [] }));
    await expect(
      imports.take("phoenix", imports.file("cut.jsonl.gz", whole.subarray(0, whole.length - 6))),
    ).rejects.toMatchObject({
      code: "CF_IMPORT_FILE_INVALID",
    });
    await expect(imports.take("phoenix", join(imports.folder, "nothing"))).rejects.toMatchObject({
      code: "CF_NOT_FOUND",
    });
    expect(
      await imports.take("phoenix", imports.file("cut.json", '{"resourceSpans": [\n{"scopeSpans"')),
    ).toEqual({
      counts: ["rows: 1 found, 0 stored, 0 unchanged"],
      reasons: ["it is no JSON, nor JSON Lines, or was cut short"],
    });
  });
});

describe("import langfuse", () => {
  const time = (second: number): string => `2026-11-02 10:00:0${second}.250000`;
  const root = { id: "obs-root", type: "AGENT", name: "agent", start_time: time(0), end_time: time(3) };
  const call = {
    id: "00000000000000bb",
    type: "GENERATION",
    name: "answer",
    parent_observation_id: "obs-root",
    start_time: time(1),
    end_time: time(2),
    level: "ERROR",
    status_message: "429",
    input: '[{"role":"user","content":"hi"}]',
    output: "yo",
    provided_model_name: "gpt-4o",
    model_parameters: '{"temperature":0.7}',
    usage_details: { input: 10, output: 5, total: 15, input_cached_tokens: 4 },
    cost_details: { input: 0.1, output: 0.2, total: 0.3 },
    completion_start_time: "2026-11-02 10:00:01.750000",
    metadata: { hotel: "h-1" },
    project_id: "p1",
  };
  const context = { user_id: "u-1", session_id: "s-1", tags: ["prod"], environment: "staging" };
  const COLUMNS = `SELECT name, span_id, parent_span_id, run_type, response_model, input_tokens::INTEGER AS input, output_tokens::INTEGER AS output,
    cost_usd, time_to_first_token_ms AS ttft, user_id, conversation_id AS thread, environment, tags, status_code AS status, status_message AS message,
    input_messages, output_messages, metadata FROM spans WHERE trace_id = $1 ORDER BY start_time`;

  it("takes enriched observations of Parquet and traces with observations of the API alike: the same columns", async () => {
    const enriched = [root, call].map((row) => ({
      ...row,
      ...context,
      trace_id: "enriched",
      trace_name: "ask",
    }));
    const rows = join(imports.folder, "enriched.jsonl");
    writeFileSync(rows, lines(...enriched));
    const parquet = imports.file("enriched/observations_v2/1.parquet", "");
    const engine = await openFileEngine(imports.harness.dir);
    await engine.run(
      `COPY (SELECT * FROM read_json('${rows}', format = 'newline_delimited')) TO '${parquet}' (FORMAT parquet)`,
    );
    engine.close();
    expect((await imports.take("langfuse", join(imports.folder, "enriched"))).counts).toEqual([
      "spans: 2 found, 2 stored, 0 unchanged",
    ]);
    const camel = (row: object): object =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name.replaceAll(/_([a-z])/g, (_, c: string) => c.toUpperCase()),
          value,
        ]),
      );
    imports.file(
      "legacy/observations/1.json",
      JSON.stringify([root, call].map((row) => camel({ ...row, trace_id: "legacy" }))),
    );
    imports.file(
      "legacy/traces/1.jsonl",
      lines(camel({ ...context, id: "legacy", name: "ask", timestamp: time(0) })),
    );
    expect((await imports.take("langfuse", join(imports.folder, "legacy"))).reasons).toEqual([]);
    const traceOf = async (name: string): Promise<string> => {
      const [found] = await imports.reader.query(
        `SELECT DISTINCT trace_id FROM spans WHERE trace_id = left(sha256('langfuse/trace/' || $1), 32)`,
        [name],
      );
      return found?.["trace_id"] as string;
    };
    const made = await imports.reader.query(COLUMNS, [await traceOf("enriched")]);
    expect(made).toMatchObject([
      {
        name: "agent",
        parent_span_id: null,
        user_id: "u-1",
        thread: "s-1",
        tags: expect.stringContaining("prod"),
      },
      {
        name: "answer",
        span_id: "00000000000000bb",
        run_type: "llm",
        response_model: "gpt-4o",
        input: 10,
        output: 5,
        cost_usd: 0.3,
        ttft: 500,
        status: "ERROR",
        message: "429",
        environment: "staging",
      },
    ]);
    expect(made[1]?.["parent_span_id"]).toBe(made[0]?.["span_id"]);
    expect(made[1]?.["input_messages"]).toBe('[{"role":"user","parts":[{"type":"text","content":"hi"}]}]');
    expect(await imports.reader.query(COLUMNS, [await traceOf("legacy")])).toEqual(made);
  });

  it("a trace without a root observation is a span of its own, and scores are feedback of who gave them", async () => {
    const score = { trace_id: TRACE, timestamp: time(4), source: "API", name: "s" };
    const path = imports.file(
      "scores.jsonl",
      lines(
        { id: TRACE, name: "lonely", timestamp: time(0), input: "q", output: { a: 1 }, user_id: "u-2" },
        { ...score, id: "1", name: "number", data_type: "NUMERIC", value: 0.25, comment: "c" },
        {
          ...score,
          id: "2",
          name: "bool",
          data_type: "BOOLEAN",
          value: 1,
          source: "ANNOTATION",
          author_user_id: "ann",
        },
        {
          ...score,
          id: "3",
          name: "word",
          data_type: "CATEGORICAL",
          value: 2,
          string_value: "fine",
          source: "EVAL",
        },
        {
          ...score,
          id: "4",
          name: "output",
          data_type: "CORRECTION",
          value: 0,
          string_value: "better",
          observation_id: SPAN,
        },
        {
          ...score,
          id: "5",
          name: "thread",
          data_type: "NUMERIC",
          value: 1,
          trace_id: null,
          session_id: "s-1",
        },
        { ...score, id: "6", name: "nowhere", data_type: "NUMERIC", value: 1, trace_id: null },
        { id: "7", type: "SPAN", trace_id: TRACE, start_time: "yesterday" },
        { hello: 1 },
      ),
    );
    expect(await imports.take("langfuse", path)).toEqual({
      counts: [
        "spans: 2 found, 1 stored, 0 unchanged",
        "feedback: 6 found, 5 stored, 0 unchanged",
        "rows: 1 found, 0 stored, 0 unchanged",
      ],
      reasons: [
        "its start_time is no time",
        "it is of no trace and no session",
        "it is nothing that langfuse writes",
      ],
    });
    const feedback = await imports.reader.query(
      `SELECT key, score, score_boolean AS bool, value, correction, target, data->'feedback_source'->>'type' AS who FROM feedback
       WHERE data->'extra'->>'via' = 'langfuse' ORDER BY key`,
      [],
    );
    expect(feedback).toMatchObject([
      { key: "bool", bool: true, who: "human", target: "trace" },
      { key: "number", score: 0.25, who: "api" },
      { key: "output", correction: '"better"', target: "span" },
      { key: "thread", target: "thread" },
      { key: "word", value: '"fine"', score: null, who: "model" },
    ]);
    const lonely = await imports.reader.query(
      "SELECT user_id, input_messages IS NOT NULL AS input FROM spans WHERE name = 'lonely'",
      [],
    );
    expect(lonely).toEqual([{ user_id: "u-2", input: true }]);
    expect((await imports.take("langfuse", path)).counts.slice(0, 2)).toEqual([
      "spans: 2 found, 0 stored, 1 unchanged",
      "feedback: 6 found, 0 stored, 5 unchanged",
    ]);
  });
});
