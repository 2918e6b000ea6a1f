import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTrajectories } from "../../../loop/index.js";
import { inspectItems } from "../../../loop/import/traces/inspect.js";
import { langfuseReader } from "../../../loop/import/traces/langfuse.js";
import { phoenixItems } from "../../../loop/import/traces/phoenix.js";
import type { TraceItem } from "../../../loop/import/traces/trace-items.js";
import type { JsonObject } from "../../../schema/index.js";
import { type TraceImports, traceImports } from "./trace-imports.js";

let imports: TraceImports;

beforeAll(async () => {
  imports = await traceImports();
});
afterAll(() => imports.close());

/** A zip file, with what a hostile one may say otherwise. */
function zip(
  files: Readonly<Record<string, unknown>>,
  lies: {
    readonly bytes?: number;
    readonly crc?: number;
    readonly flags?: number;
    readonly content?: Buffer;
  } = {},
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, value] of Object.entries(files)) {
    const content = lies.content ?? Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    const stored = deflateRawSync(content);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(lies.flags ?? 0, 8);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(lies.crc ?? crc32(content), 16);
    entry.writeUInt32LE(stored.length, 20);
    entry.writeUInt32LE(lies.bytes ?? content.length, 24);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt32LE(offset, 42);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    parts.push(local, Buffer.from(name), stored);
    directory.push(entry, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + stored.length;
  }
  const end = Buffer.alloc(22);
  const list = Buffer.concat(directory);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, list, end]);
}

describe("import inspect", () => {
  const header = {
    version: 2,
    status: "success",
    eval: { eval_id: "e1", task: "refunds", created: "2026-11-03T10:00:00Z", model: "openai/gpt-4o" },
  };
  const long = "0123456789abcdef0123456789abcdef";
  const call = { id: "c1", function: "lookup", arguments: { id: "BK-1" }, type: "function" };
  const sample = {
    id: 1,
    epoch: 1,
    input: "Is it refundable?",
    target: "no",
    started_at: "2026-11-03T10:00:01+00:00",
    completed_at: "2026-11-03T10:00:05+00:00",
    output: { choices: [{ message: { role: "assistant", content: "No." }, stop_reason: "stop" }] },
    scores: {
      match: { value: "C", answer: "No.", explanation: "because" },
      tone: { value: 0.5 },
      parts: { value: { a: 1 } },
    },
    attachments: { [long]: "a long question" },
    events_data: {
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: `attachment://${long}` },
      ],
      calls: [],
    },
    events: [
      {
        event: "model",
        uuid: "m1",
        timestamp: "2026-11-03T10:00:02+00:00",
        completed: "2026-11-03T10:00:03+00:00",
        model: "anthropic/claude-x",
        input: [],
        input_refs: [[0, 2]],
        config: { temperature: 0.5 },
        output: {
          model: "claude-x-1",
          choices: [
            { message: { role: "assistant", content: "", tool_calls: [call] }, stop_reason: "tool_calls" },
          ],
          usage: { input_tokens: 10, output_tokens: 5, total_tokens: 115, input_tokens_cache_read: 100 },
        },
      },
      {
        event: "tool",
        uuid: "t1",
        timestamp: "2026-11-03T10:00:03+00:00",
        ...call,
        result: "non-refundable",
        error: { type: "x", message: "slow" },
      },
      { event: "info", timestamp: "2026-11-03T10:00:04+00:00" },
    ],
  };

  it("makes each sample a trace of its calls, with messages and attachments in their places, and its scores feedback", async () => {
    const other = JSON.stringify({ ...sample, epoch: 2, events: [], scores: {} }).replace(
      '"choices"',
      '"nan":NaN,"choices"',
    );
    const path = imports.file(
      "log.eval",
      zip({
        "header.json": header,
        "samples/1_epoch_1.json": sample,
        "samples/../../2.json": other,
        "summaries.json": [],
      }),
    );
    expect(await imports.take("inspect", path)).toEqual({
      counts: ["spans: 4 found, 4 stored, 0 unchanged", "feedback: 3 found, 3 stored, 0 unchanged"],
      reasons: [],
    });
    const spans = await imports.reader.query(
      `SELECT name, run_type, project, provider, request_model, input_tokens::INTEGER AS input, cache_read_tokens::INTEGER AS cached, tool_arguments,
       tool_result, status_message AS message, input_messages, output_messages FROM spans WHERE project = 'refunds' OR name IN ('lookup', 'chat anthropic/claude-x') ORDER BY start_time, name, attributes['inspect.sample.epoch']`,
      [],
    );
    expect(spans).toMatchObject([
      { name: "refunds", project: "refunds", output_messages: expect.stringContaining('"No."') },
      { name: "refunds", input_messages: expect.stringContaining("Is it refundable?") },
      {
        name: "chat anthropic/claude-x",
        run_type: "llm",
        provider: "anthropic",
        request_model: "claude-x",
        input: 110,
        cached: 100,
        input_messages: expect.stringContaining("a long question"),
        output_messages: expect.stringContaining('"BK-1"'),
      },
      { name: "lookup", run_type: "tool", tool_arguments: '{"id":"BK-1"}', message: "slow" },
    ]);
    const feedback = await imports.reader.query(
      "SELECT key, score, value, comment FROM feedback WHERE data->'extra'->>'via' = 'inspect' ORDER BY key",
      [],
    );
    expect(feedback).toMatchObject([
      { key: "match", score: 1, value: '"C"', comment: "because" },
      { key: "parts", score: null, value: '{"a":1}' },
      { key: "tone", score: 0.5, value: null },
    ]);
    const asJson = imports.file("log.json", JSON.stringify({ ...header, samples: [sample] }, null, 1));
    expect((await imports.take("inspect", asJson)).counts).toEqual([
      "spans: 3 found, 0 stored, 3 unchanged",
      "feedback: 3 found, 0 stored, 3 unchanged",
    ]);
  });

  it("a duration beyond any time, and a grade that is a word of objects, keep no sample out", async () => {
    const text = JSON.stringify({
      ...header,
      samples: [
        {
          id: 7,
          epoch: 1,
          uuid: "endless",
          input: "q",
          total_time: "ENDLESS",
          scores: { judge: { value: "constructor" } },
        },
      ],
    }).replace('"ENDLESS"', "1e400");
    expect(await imports.take("inspect", imports.file("endless.json", text))).toEqual({
      counts: ["spans: 1 found, 1 stored, 0 unchanged", "feedback: 1 found, 1 stored, 0 unchanged"],
      reasons: [],
    });
  });

  it("refuses zip files that are none, cut short, damaged, encrypted, or larger than they say", async () => {
    const files = { "header.json": header, "samples/1.json": sample };
    const whole = zip(files);
    const refusal = (bytes: Buffer): Promise<string> =>
      imports.take("inspect", imports.file("hostile.eval", bytes)).then(
        () => "taken",
        (error: unknown) => (error as Error).message.replace(/^Can't import \S+: /, ""),
      );
    expect(await refusal(Buffer.from("nothing"))).toBe("it is no zip file, or was cut short.");
    expect(await refusal(whole.subarray(0, whole.length - 30))).toBe("it is no zip file, or was cut short.");
    expect(await refusal(whole.subarray(40))).toMatch(/can't be|is not where|damaged/);
    expect(await refusal(zip({ "samples/1.json": sample }))).toMatch(/it is no log of Inspect/);
    expect(await refusal(zip({ "header.json": "[]" }))).toMatch(/its header.json is no JSON/);
    expect(await refusal(zip(files, { crc: 1 }))).toBe("header.json is damaged.");
    expect(await refusal(zip(files, { flags: 1 }))).toBe("header.json is encrypted.");
    const bomb = Buffer.alloc(8 * 1024 * 1024, " ");
    expect(await refusal(zip(files, { bytes: 100, content: bomb }))).toBe(
      "header.json is damaged, or larger than it says.",
    );
    expect(await refusal(zip(files, { bytes: 2 ** 31 }))).toMatch(/at most 268435456 are unpacked/);
  });
});

/** Everything that a mirror has, as trajectories. */
async function trajectories({ folder, reader }: TraceImports): Promise<JsonObject[]> {
  const out = mkdtempSync(join(folder, "out-"));
  await writeTrajectories({ folder: out, rows: (sql, params) => reader.query(sql, params) });
  const text = readFileSync(join(out, "trajectories.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject);
}

describe("import atif", () => {
  const at = (second: number): string => `2026-11-04T10:00:0${second}Z`;
  const call = { tool_call_id: "c1", function_name: "search", arguments: { q: "GOOGL" } };
  const child = {
    schema_version: "ATIF-v1.7",
    trajectory_id: "child",
    agent: { name: "helper", version: "1" },
    steps: [{ step_id: 1, timestamp: at(3), source: "agent", message: "found", model_name: "small" }],
  };
  const trajectory = {
    schema_version: "ATIF-v1.7",
    session_id: "s-atif",
    agent: { name: "harbor-agent", version: "2.0", model_name: "gemini-2.5-flash" },
    final_metrics: { total_cost_usd: 0.3 },
    steps: [
      { step_id: 1, source: "system", message: "be brief" },
      { step_id: 2, timestamp: at(1), source: "user", message: "What is the price?" },
      {
        step_id: 3,
        timestamp: at(2),
        source: "agent",
        message: "I search.",
        reasoning_content: "hm",
        tool_calls: [call],
        observation: {
          results: [
            { source_call_id: "c1", content: "$185", subagent_trajectory_ref: [{ trajectory_id: "child" }] },
          ],
        },
        metrics: {
          prompt_tokens: 520,
          completion_tokens: 80,
          cached_tokens: 200,
          cost_usd: 0.25,
          extra: { reasoning_tokens: 12 },
        },
      },
      { step_id: 4, source: "agent", message: "$185.", llm_call_count: 1, extra: { k: "v" } },
    ],
    subagent_trajectories: [child],
  };

  it("makes a trajectory a trace of its calls, its subagents below the call that started them; a longer one adds what is new", async () => {
    const path = imports.file("atif/t.json", JSON.stringify(trajectory, null, 1));
    expect(await imports.take("atif", path, "agents")).toEqual({
      counts: ["spans: 6 found, 6 stored, 0 unchanged"],
      reasons: [],
    });
    const spans = await imports.reader.query(
      `SELECT s.name, p.name AS parent, s.run_type, s.request_model AS model, s.conversation_id AS thread, s.input_tokens::INTEGER AS input,
       s.cache_read_tokens::INTEGER AS cached, s.cost_usd AS cost, s.input_messages AS said, s.output_messages AS answer, s.tool_result AS result
       FROM spans AS s LEFT JOIN spans AS p ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id
       WHERE s.project = 'agents' ORDER BY s.start_time, s.name, said`,
      [],
    );
    expect(spans).toMatchObject([
      {
        name: "harbor-agent",
        parent: null,
        thread: "s-atif",
        said: expect.stringContaining("What is the price?"),
        answer: expect.stringContaining("$185."),
      },
      {
        name: "chat gemini-2.5-flash",
        run_type: "llm",
        model: "gemini-2.5-flash",
        input: 520,
        cached: 200,
        cost: 0.25,
        said: expect.stringMatching(/be brief.*What is the price/),
        answer: expect.stringMatching(/hm.*search/),
      },
      {
        name: "chat gemini-2.5-flash",
        parent: "harbor-agent",
        said: expect.stringContaining("$185"),
        answer: expect.stringContaining("$185."),
      },
      { name: "search", run_type: "tool", parent: "harbor-agent", result: expect.stringContaining("$185") },
      { name: "chat small", parent: "helper" },
      { name: "helper", parent: "search" },
    ]);
    const longer = {
      ...trajectory,
      steps: [...trajectory.steps, { step_id: 5, timestamp: at(9), source: "agent", message: "Bye." }],
    };
    const more = imports.file("atif/more.jsonl", `${JSON.stringify(longer)}\n`);
    // The agent's own span ends later now.
    expect((await imports.take("atif", more, "agents")).counts).toEqual([
      "spans: 7 found, 2 stored, 5 unchanged",
    ]);
    // And out again: what came in, with the times of the spans where a step had none.
    const [first, second, third, fourth, fifth] = longer.steps;
    const out = (await trajectories(imports)).find((each) => each["session_id"] === "s-atif");
    const model_name = "gemini-2.5-flash";
    expect(out).toEqual({
      ...longer,
      steps: [
        first,
        second,
        { ...third, model_name },
        { ...fourth, model_name, timestamp: at(2) },
        { ...fifth, model_name },
      ],
    });
    // What went out comes in as what is here.
    const again = imports.file("atif/again.jsonl", `${JSON.stringify(out)}\n`);
    expect((await imports.take("atif", again, "agents")).counts).toEqual([
      "spans: 7 found, 0 stored, 7 unchanged",
    ]);
  });

  it("names trajectories that it can't take", async () => {
    const timeless = { ...trajectory, steps: [{ step_id: 1, source: "agent", message: "x" }] };
    let deep: object = child;
    for (let n = 0; n < 25; n++) deep = { ...child, trajectory_id: `n${n}`, subagent_trajectories: [deep] };
    const rows = [timeless, { ...trajectory, schema_version: "ATIF-v2.0" }, { steps: [] }, deep];
    const path = imports.file("atif/odd.jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    expect((await imports.take("atif", path)).reasons).toEqual([
      "none of its steps has a timestamp",
      "it is of version ATIF-v2.0; 1.x are known",
      "its subagents are nested more than 20 deep",
      "it is nothing that atif writes",
    ]);
  });
});

describe("fields of another kind", () => {
  const deep = `${'{"a":'.repeat(2_000)}1${"}".repeat(2_000)}`;
  const start = "2026-11-02T10:00:00Z";
  const said = (items: TraceItem[] | undefined): unknown[] =>
    (items ?? []).map((item) => {
      if (item.kind === "feedback") return item.data["extra"];
      if (item.kind === "problem") return item.reason;
      return Object.fromEntries(item.span.attributes.map(({ key, value }) => [key, value?.stringValue]));
    });

  it.each([["text"], [deep]])("what should be an object and is not is kept as it came: %.12s", (text) => {
    const trace = "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4";
    const span = { name: "x", context: { trace_id: trace, span_id: "1a2b3c4d5e6f7a8b" }, start_time: start };
    expect(said(phoenixItems("x", { ...span, attributes: text }))).toEqual([{ attributes: text }]);
    const annotation = {
      name: "a",
      trace_id: trace,
      result: { score: 1 },
      created_at: start,
      metadata: text,
    };
    expect(said(phoenixItems("x", annotation))).toEqual([{ via: "phoenix", metadata: text }]);
    const reader = langfuseReader();
    const details = { metadata: text, usage_details: text, cost_details: text };
    const observed = { id: "1", trace_id: "t", type: "SPAN", name: "n", start_time: start, ...details };
    expect(said(reader.items("x", observed))).toEqual([
      expect.objectContaining({
        "langfuse.observation.metadata": text,
        "langfuse.observation.usage_details": text,
        "langfuse.observation.cost_details": text,
      }),
    ]);
    const score = { id: "2", trace_id: "t", name: "s", data_type: "TEXT", timestamp: start, metadata: text };
    expect(said(reader.items("x", score))).toEqual([expect.objectContaining({ metadata: text })]);
    const sample = { id: 1, epoch: 1, started_at: start, metadata: text, limit: text };
    const log = {
      eval: { task: "t" },
      samples: [{ ...sample, scores: { s: { value: 1, metadata: text } } }],
    };
    expect(said(inspectItems("x", log))).toEqual([
      expect.objectContaining({ "inspect.sample.metadata": text, "inspect.sample.limit": text }),
      expect.objectContaining({ metadata: text }),
    ]);
  });
});
