import { describe, expect, it } from "vitest";
import { explainSpan, normaliseSpan } from "../../../schema/genai/normalise.js";
import type { AnyValue } from "../../../schema/index.js";
import { columnsOf, keyValues, type Plain, said, spanOf } from "./spans.js";

describe("guards of the normaliser", () => {
  it("names like __proto__ are plain names: nothing is inherited from them, nothing else changes", () => {
    const columns = columnsOf({
      "openinference.span.kind": "LLM",
      "llm.input_messages.0.message.role": "user",
      "llm.input_messages.0.message.content": "hi",
      "llm.input_messages.__proto__.polluted": "yes",
      "llm.input_messages.0.message.__proto__.role": "system",
      "llm.input_messages.constructor.prototype.polluted": "yes",
      metadata: '{"__proto__":{"polluted":"yes"},"a":1}',
      "output.value":
        '{"__proto__":{"role":"assistant"},"messages":[{"role":"assistant","content":"hello"}]}',
    });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(columns["output_messages"]).toEqual([said("assistant", "hello")]);
    expect(columns["metadata"]).toEqual(JSON.parse('{"__proto__":{"polluted":"yes"},"a":1}'));
  });

  it("an index of four billion makes a list of one, in the order of the indexes", () => {
    const columns = columnsOf({
      "openinference.span.kind": "LLM",
      "llm.input_messages.4294967295.message.content": "last",
      "llm.input_messages.99999999999999999999.message.content": "no index",
      "llm.output_messages.4294967295.message.content": "second",
      "llm.output_messages.7.message.content": "first",
    });
    expect(columns["output_messages"]).toEqual([said("assistant", "first"), said("assistant", "second")]);
    expect(JSON.stringify(columns["input_messages"] ?? "").length).toBeLessThan(1_000);
  });

  it("a hundred thousand attributes are read in time", () => {
    const attributes: { [key: string]: Plain } = { "openinference.span.kind": "LLM" };
    for (let i = 0; i < 50_000; i++) {
      attributes[`llm.input_messages.${i}.message.role`] = "user";
      attributes[`llm.input_messages.${i}.message.content`] = "hi";
    }
    const input = spanOf(attributes);
    const before = performance.now();
    const { columns } = normaliseSpan(input);
    expect(performance.now() - before).toBeLessThan(20_000);
    expect((JSON.parse(String(columns.input_messages)) as unknown[]).length).toBe(50_000);
  });

  it("however many attributes a span has, each is looked into a few times", () => {
    let looked = 0;
    const counted = (text: string): AnyValue => ({
      get stringValue() {
        looked++;
        return text;
      },
    });
    const looksFor = (messages: number): number => {
      const input = spanOf({ "openinference.span.kind": "LLM" });
      const attributes = [...input.attributes];
      for (let i = 0; i < messages; i++) {
        attributes.push({ key: `llm.input_messages.${i}.message.content`, value: counted("hi") });
        attributes.push({ key: `gen_ai.prompt.${i}.content`, value: counted("hi") });
        attributes.push({ key: `my.own.${i}`, value: counted("hi") });
      }
      looked = 0;
      normaliseSpan({ ...input, attributes });
      return looked;
    };
    const [few, many] = [looksFor(100), looksFor(3_000)];
    expect(many).toBe(30 * few);
    expect(many).toBeLessThan(4 * 3 * 3_000);
  });

  it("JSON nested deeper than the limit is taken for text, and deep attribute names are left out", () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const columns = columnsOf({
      "gen_ai.operation.name": "chat",
      "gen_ai.input.messages": deep,
      "gen_ai.tool.call.arguments": `{"a":${deep}}`,
      [`gen_ai.prompt.${"0.".repeat(5_000)}role`]: "user",
    });
    expect(columns["input_messages"]).toEqual([said("user", deep)]);
    expect(columns["tool_arguments"]).toBe(`{"a":${deep}}`);
  });

  it("values of the wrong type fill nothing, and the next source gets its turn", () => {
    expect(
      columnsOf({
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": "many",
        "gen_ai.usage.prompt_tokens": "12",
        "gen_ai.usage.output_tokens": [1],
        "gen_ai.request.model": "",
        "gen_ai.response.finish_reasons": { a: 1 },
        "gen_ai.response.time_to_first_chunk": "soon",
        "gen_ai.provider.name": null,
        "gen_ai.system": "openai",
      }),
    ).toMatchObject({ input_tokens: 12, provider: "openai" });
  });

  it("a negative time to the first token is none", () => {
    const spoken = columnsOf({ "gen_ai.operation.name": "chat", "gen_ai.response.time_to_first_chunk": -1 });
    expect(spoken).not.toHaveProperty("time_to_first_token_ms");
    const zero = columnsOf({ "gen_ai.operation.name": "chat", "gen_ai.response.time_to_first_chunk": 0 });
    expect(zero).toHaveProperty("time_to_first_token_ms", 0);
  });

  it("integers that a double can't hold stay exact inside arguments, and are no token counts", () => {
    const { columns } = normaliseSpan(
      spanOf({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "lookup",
        "gen_ai.output.messages":
          '[{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"x","input":{"id":12345678901234567890}}]}]',
        "gen_ai.usage.input_tokens": "12345678901234567890",
      }),
    );
    expect(columns.output_messages).toContain('"arguments":{"id":12345678901234567890}');
    expect(columns.input_tokens).toBeUndefined();
    const nested = {
      ...spanOf({}),
      attributes: [
        ...keyValues({ "gen_ai.operation.name": "execute_tool" }),
        {
          key: "gen_ai.tool.call.arguments",
          value: { kvlistValue: { values: [{ key: "id", value: { intValue: 9223372036854775807n } }] } },
        },
      ],
    };
    expect(normaliseSpan(nested).columns.tool_arguments).toBe('{"id":9223372036854775807}');
  });

  it("a span of no dialect fills only general names and has no run type", () => {
    const { columns, dialects } = normaliseSpan(spanOf({ "http.method": "GET", "user.id": "u1" }));
    expect(columns).toEqual({ user_id: "u1" });
    expect(dialects).toEqual([]);
  });

  it("names of the future are kept raw: they fill nothing, are no error, and are reported as unmapped", () => {
    const input = spanOf({
      "gen_ai.operation.name": "dream",
      "gen_ai.dream.depth": 3,
      "gen_ai.request.model": "m",
    });
    const { columns, unmapped } = explainSpan(input);
    expect(columns).toMatchObject({ operation: "dream", run_type: "llm", request_model: "m" });
    expect(unmapped).toEqual(["gen_ai.dream.depth"]);
  });

  it("what lower sources say differently is told as a conflict", () => {
    const { conflicts } = explainSpan(
      spanOf({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.system": "groq",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.prompt_tokens": 5,
      }),
    );
    expect(conflicts).toEqual([{ column: "provider", source: "gen_ai.system", value: "groq" }]);
  });
});
