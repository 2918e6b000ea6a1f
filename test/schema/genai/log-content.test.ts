import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  explainSpan,
  explainWithLogs,
  filledByLogs,
  joinLogContent,
  LOG_MESSAGE_COLUMNS,
  type LogContent,
  type LogRecord,
  normaliseLogRecord,
  type PlacedLogContent,
} from "../../../schema/index.js";
import { otlpArbitraries } from "../../support/otlp-arbitraries.js";
import { keyValues, type Plain, said, spanOf } from "./spans.js";

function record(
  eventName: string,
  attributes: { [key: string]: Plain },
  more: Partial<LogRecord> = {},
): LogRecord {
  return {
    timeUnixNano: 1n,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: "",
    attributes: keyValues(attributes),
    droppedAttributesCount: 0,
    flags: 0,
    traceId: "a".repeat(32),
    spanId: "b".repeat(16),
    eventName,
    ...more,
  };
}

const scope = (name: string) => ({ name, version: "", attributes: [], droppedAttributesCount: 0 });
const columnsOf = (content: LogContent | undefined): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(content?.columns ?? {}).map(([name, value]) => [
      name,
      LOG_MESSAGE_COLUMNS.has(name as never) ? JSON.parse(String(value)) : value,
    ]),
  );
const message = (role: string, text: string): string =>
  JSON.stringify([{ role, parts: [{ type: "text", content: text }] }]);

let seq = 0;
function placed(
  columns: LogContent["columns"],
  more: Partial<PlacedLogContent & LogContent> = {},
): PlacedLogContent {
  const { eventName = "gen_ai.user.message", whole = false, ...place } = more;
  return { content: { eventName, whole, columns }, timeUnixNano: 1n, seq: (seq += 1), seqIndex: 0, ...place };
}

describe("a log record", () => {
  it("says nothing without a span, without an event name, or as an ordinary event", () => {
    const event = { "gen_ai.input.messages": message("user", "hi") };
    const details = "gen_ai.client.inference.operation.details";
    expect(normaliseLogRecord(record(details, event), undefined, undefined)).toBeDefined();
    expect(normaliseLogRecord(record(details, event, { spanId: "" }), undefined, undefined)).toBeUndefined();
    expect(normaliseLogRecord(record("", event), undefined, undefined)).toBeUndefined();
    expect(normaliseLogRecord(record("http.request", event), scope("my.app"), undefined)).toBeUndefined();
  });

  it.each(["event.name", "event_name"])("may have its name in the attribute %s", (key) => {
    const content = normaliseLogRecord(
      record(
        "",
        { [key]: "gen_ai.user.message" },
        { body: { kvlistValue: { values: keyValues({ content: "hi" }) } } },
      ),
      undefined,
      undefined,
    );
    expect(columnsOf(content)).toEqual({ input_messages: [said("user", "hi")] });
  });

  it("of a coding agent is read by that agent's names", () => {
    const of = (scopeName: string, eventName: string, attributes: { [key: string]: Plain }): unknown =>
      columnsOf(normaliseLogRecord(record(eventName, attributes), scope(scopeName), undefined));
    expect(of("com.anthropic.claude_code.events", "user_prompt", { prompt: "hi" })).toEqual({
      input_messages: [said("user", "hi")],
    });
    expect(of("codex_cli_rs", "codex.user_prompt", { prompt: "hi" })).toEqual({
      input_messages: [said("user", "hi")],
    });
    expect(
      of("codex_cli_rs", "codex.tool_result", { tool_name: "shell", arguments: '{"a":1}', output: "ok" }),
    ).toEqual({
      tool_arguments: '{"a":1}',
      tool_result: '"ok"',
    });
    expect(
      of("gemini-cli", "gemini_cli.api_response", {
        model: "gemini-2.5-pro",
        input_token_count: 5,
        output_token_count: 2,
        response_text: "hello",
      }),
    ).toMatchObject({ input_tokens: 5, output_tokens: 2, output_messages: [said("assistant", "hello")] });
  });

  it("never throws, says the same each time, and gives lists of messages that can be put together", () => {
    const { logs } = otlpArbitraries({ plain: false });
    const names = fc.constantFrom(
      "gen_ai.user.message",
      "gen_ai.choice",
      "gen_ai.client.inference.operation.details",
      "user_prompt",
    );
    fc.assert(
      fc.property(
        logs,
        names,
        fc.constantFrom("", "gemini-cli", "com.anthropic.claude_code.events"),
        (data, eventName, scopeName) => {
          for (const { resource, scopeLogs } of data.resourceLogs) {
            for (const { logRecords } of scopeLogs) {
              for (const sent of logRecords) {
                const read = (): LogContent | undefined =>
                  normaliseLogRecord({ ...sent, eventName }, scope(scopeName), resource);
                const content = read();
                expect(read()).toEqual(content);
                for (const name of LOG_MESSAGE_COLUMNS) {
                  const value = content?.columns[name];
                  if (value === undefined) continue;
                  expect(String(value)).toMatch(/^\[[^]+\]$/);
                  expect((JSON.parse(String(value)) as unknown[]).length).toBeGreaterThan(0);
                }
              }
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("records of one span together", () => {
  it("messages are in the order of their times, and what was sent twice counts once", () => {
    const first = placed({ input_messages: message("system", "a") }, { timeUnixNano: 1n });
    const second = placed({ input_messages: message("user", "b") }, { timeUnixNano: 2n });
    const again = [first, second].map((each) => ({ ...each, seq: 900 }));
    const { columns } = joinLogContent([second, ...again, first]);
    expect(JSON.parse(String(columns.input_messages))).toEqual([said("system", "a"), said("user", "b")]);
  });

  it("equal messages of one request are as many as were sent", () => {
    const one = placed({ input_messages: message("user", "ok") });
    const { columns } = joinLogContent([one, { ...one, seqIndex: 1 }]);
    expect(JSON.parse(String(columns.input_messages))).toHaveLength(2);
  });

  it("of whole exchanges the last one counts, over messages of their own", () => {
    const whole = (text: string, timeUnixNano: bigint): PlacedLogContent =>
      placed({ input_messages: message("user", text) }, { whole: true, timeUnixNano });
    const { columns } = joinLogContent([
      whole("old", 1n),
      placed({ input_messages: message("user", "x") }, { timeUnixNano: 9n }),
      whole("new", 5n),
    ]);
    expect(JSON.parse(String(columns.input_messages))).toEqual([said("user", "new")]);
  });

  it("fill only what the span leaves open, and what its run type has; explain tells the rest as conflicts", () => {
    const joined = joinLogContent([
      placed({ input_messages: message("user", "from the log"), tool_arguments: "{}", input_tokens: 7 }),
    ]);
    expect(filledByLogs({ run_type: "tool" }, joined)).toEqual({ tool_arguments: "{}" });
    expect(filledByLogs({ run_type: "chain" }, joined)).toEqual({
      input_messages: message("user", "from the log"),
    });
    expect(filledByLogs({ run_type: "llm", output_tokens: 1 }, joined)).not.toHaveProperty("input_tokens");
    const span = explainSpan(
      spanOf({ "gen_ai.operation.name": "chat", "gen_ai.input.messages": message("user", "own") }),
    );
    const explained = explainWithLogs(span, [
      placed({ input_messages: message("user", "from the log"), input_tokens: 7 }, { eventName: "e" }),
    ]);
    expect(JSON.parse(String(explained.columns.input_messages))).toEqual([said("user", "own")]);
    expect(explained.columns.input_tokens).toBe(7);
    expect(explained.provenance["input_tokens"]).toBe("log:e");
    expect(explained.conflicts).toEqual([
      { column: "input_messages", source: "log:e", value: [said("user", "from the log")] },
    ]);
  });
});
