import { convertGenAISpanAttributesToOpenInferenceSpanAttributes as fromConventions } from "@arizeai/openinference-genai";
// Not the package's main entry: that one needs @opentelemetry/sdk-trace-base, which the package doesn't depend on.
import { safelyGetOpenInferenceAttributes as fromAiSdk } from "@arizeai/openinference-vercel/utils";
import type { Attributes } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { type Json, parseText, valueToJson } from "../../../schema/genai/json.js";
import { normaliseSpan } from "../../../schema/genai/normalise.js";
import type { NormalisedSpan, NormaliserInput } from "../../../schema/genai/types.js";
import { fixtureSpans } from "../../support/genai-fixtures.js";
import { AI_SDK_DIFFERENCES, CONVENTION_DIFFERENCES, type Difference } from "./oracle-differences.js";
import { type Plain, spanOf } from "./spans.js";

/*
 * Arize wrote converters from the GenAI conventions and from the AI SDK to OpenInference without knowing our rules. So
 * a span read by our rules for its own dialect must say the same as the converted span read by our OpenInference rules.
 * What a converter leaves out is not compared; the `..._COMPARED_MIN` see to it that enough is.
 */

/** Captures whose spans speak the GenAI conventions, alone or beside a framework's own names. */
const CONVENTION_FIXTURES = [
  "ai7-otel3",
  "js-traceloop",
  "langsmith",
  "lc-tl",
  "mastra",
  "otel-openai",
  "py-agent-framework",
  "py-anthropic-traceloop",
  "py-bedrock-otel",
  "py-claude-agent-sdk-cli",
  "py-google-adk-default",
  "py-google-adk-latest",
  "py-google-genai-otel-events",
  "py-google-genai-otel-latest",
  "py-langchain-langsmith",
  "py-langchain-traceloop",
  "py-litellm-latest",
  "py-litellm-old",
  "py-lmnr",
  "py-logfire",
  "py-openai-agents-otel",
  "py-openai-agents-traceloop",
  "py-openai-genai",
  "py-openai-otel-events",
  "py-openai-otel-latest",
  "py-openai-traceloop",
  "py-openlit",
  "py-pydantic-ai-v2",
  "py-pydantic-ai-v5",
  "py-pydantic-ai-v6",
  "py-semantic-kernel",
  "py-strands-latest",
  "py-strands-old",
  "tl-anthropic",
  "tl-openai",
];
const AI_SDK_FIXTURES = ["ai6", "ai6-proto", "js-ai3", "js-ai4", "js-ai5"];

/** The operations that the conventions' converter knows; it calls a span of any other an LLM's. */
const KNOWN_OPERATIONS = new Set<unknown>([
  "chat",
  "text_completion",
  "generate_content",
  "embeddings",
  "retrieval",
  "execute_tool",
  "create_agent",
  "invoke_agent",
  "invoke_workflow",
  "plan",
]);
/** OpenInference has one kind for each of these groups. */
const SAME_KIND: Readonly<Record<string, string>> = {
  text_completion: "chat",
  generate_content: "chat",
  create_agent: "invoke_agent",
};

type Statement = Readonly<Record<string, Json | undefined>>;

/** JSON in text, however often it was written as text, as what it says. */
function unwrapped(value: Json | undefined): Json | undefined {
  if (typeof value !== "string") return value;
  const parsed = parseText(value);
  return parsed === undefined || parsed === null ? value : unwrapped(parsed);
}

function object(value: Json | undefined): Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function items(value: Json | undefined): readonly Readonly<Record<string, Json>>[] {
  const list = unwrapped(value);
  return Array.isArray(list) ? list.map(object) : [];
}

function part(
  role: Json,
  { type, name, arguments: call, content, response }: ReturnType<typeof object>,
): Json {
  if (type === "tool_call") return [role, "calls", name ?? null, unwrapped(call) ?? null];
  if (type === "tool_call_response") return [role, "gets", unwrapped(response) ?? null];
  return [role, type ?? null, unwrapped(content) ?? null];
}

/** Who said what, part by part: OpenInference makes each tool's result a message of its own. */
function said(instructions: Json | undefined, messages: Json | undefined): Json | undefined {
  if (instructions === undefined && messages === undefined) return undefined;
  return [
    ...items(instructions).map((item) => part("system", item)),
    ...items(messages).flatMap(({ role, parts }) => items(parts).map((item) => part(role ?? null, item))),
  ];
}

/** What both readings can be asked. */
function statement({ columns }: NormalisedSpan): Statement {
  const { operation } = columns;
  const reasons = unwrapped(columns.finish_reasons);
  return {
    run_type: columns.run_type,
    operation: typeof operation === "string" ? (SAME_KIND[operation] ?? operation) : operation,
    provider: columns.provider,
    model: columns.response_model ?? columns.request_model,
    request_model: columns.request_model,
    input_tokens: columns.input_tokens,
    output_tokens: columns.output_tokens,
    cache_read_tokens: columns.cache_read_tokens,
    cache_write_tokens: columns.cache_write_tokens,
    agent_name: columns.agent_name,
    tool_name: columns.tool_name,
    // OpenInference has one reason where the conventions have one for each choice.
    finish_reasons: Array.isArray(reasons) ? reasons[0] : undefined,
    input_messages: said(columns.system_instructions, columns.input_messages),
    output_messages: said(undefined, columns.output_messages),
    tool_definitions:
      columns.tool_definitions === undefined
        ? undefined
        : items(columns.tool_definitions).map(({ name }) => name ?? null),
    tool_arguments: unwrapped(columns.tool_arguments),
    tool_result: unwrapped(columns.tool_result),
  };
}

interface Compared {
  readonly column: string;
  readonly fixture: string;
  readonly span: string;
  readonly ours: string | undefined;
  readonly theirs: string;
}

type Converter = (attributes: Attributes) => Attributes | null;

/** Attributes as OpenTelemetry's JavaScript API has them: maps as JSON text. */
function attributesOf(input: NormaliserInput): Attributes {
  return Object.fromEntries(
    input.attributes.map(({ key, value }) => {
      const json = valueToJson(value);
      return [key, typeof json === "object" ? flat(json) : json];
    }),
  );
}

function flat(json: Json): string[] | string {
  const texts = Array.isArray(json) ? json.filter((item) => typeof item === "string") : [];
  return Array.isArray(json) && texts.length === json.length ? texts : JSON.stringify(json);
}

function convertedSpan(attributes: Attributes): NormaliserInput {
  const entries = Object.entries(attributes).flatMap(([key, value]): [string, Plain][] => {
    if (value === undefined) return [];
    return [[key, Array.isArray(value) ? value.map((item) => item ?? null) : value]];
  });
  return spanOf(Object.fromEntries(entries));
}

/** Every value that the converter's result has, beside ours. */
function compare(fixture: string, input: NormaliserInput, convert: Converter): Compared[] {
  const attributes = attributesOf(input);
  const ours = statement(normaliseSpan(input));
  const theirs = statement(normaliseSpan(convertedSpan(convert(attributes) ?? {})));
  const guessed = convert !== fromAiSdk && !KNOWN_OPERATIONS.has(attributes["gen_ai.operation.name"]);
  return Object.entries(theirs).flatMap(([column, value]) => {
    if (value === undefined || (guessed && (column === "run_type" || column === "operation"))) return [];
    return [
      {
        column,
        fixture,
        span: input.name,
        ours: JSON.stringify(ours[column]),
        theirs: JSON.stringify(value),
      },
    ];
  });
}

function compareAll(fixtures: readonly string[], dialect: string, convert: Converter): Compared[] {
  return fixtures.flatMap((fixture) =>
    fixtureSpans(fixture)
      .filter(({ input }) => normaliseSpan(input).dialects.includes(dialect))
      .flatMap(({ input }) => compare(fixture, input, convert)),
  );
}

/** Differences that the table doesn't have, or has in another number, and what the table has for nothing. */
function unexplained(all: readonly Compared[], table: readonly Difference[]): unknown[] {
  const left = new Map<string, number>();
  for (const { column, spans } of table) {
    for (const [fixture, count] of Object.entries(spans)) add(left, `${column} of ${fixture}`, count);
  }
  const found = all.filter(({ ours, theirs }) => ours !== theirs);
  for (const { column, fixture } of found) add(left, `${column} of ${fixture}`, -1);
  const surplus = found.filter(({ column, fixture }) => left.get(`${column} of ${fixture}`) !== 0);
  const stale = [...left].filter(([, count]) => count > 0);
  return [...surplus, ...stale];
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

/** Columns of which fewer values were compared than there should be. */
function scarce(all: readonly Compared[], least: Readonly<Record<string, number>>): unknown[] {
  const counts = new Map<string, number>();
  for (const { column } of all) add(counts, column, 1);
  return Object.entries(least).filter(([column, count]) => (counts.get(column) ?? 0) < count);
}

/** A little below what there was to compare when this was written. */
const CONVENTIONS_COMPARED_MIN = {
  run_type: 240,
  operation: 240,
  provider: 200,
  model: 190,
  request_model: 180,
  input_tokens: 150,
  output_tokens: 140,
  cache_read_tokens: 90,
  cache_write_tokens: 20,
  agent_name: 100,
  tool_name: 25,
  finish_reasons: 100,
  input_messages: 150,
  output_messages: 110,
  tool_definitions: 75,
  tool_arguments: 18,
  tool_result: 18,
};
const AI_SDK_COMPARED_MIN = {
  run_type: 35,
  operation: 35,
  provider: 25,
  model: 30,
  request_model: 18,
  input_tokens: 12,
  output_tokens: 12,
  input_messages: 30,
  output_messages: 20,
  tool_name: 5,
  tool_arguments: 5,
  tool_result: 5,
};

test("spans in the GenAI conventions say the same when Arize's converter made OpenInference of them", () => {
  const all = compareAll(CONVENTION_FIXTURES, "otel_genai", fromConventions);
  expect(unexplained(all, CONVENTION_DIFFERENCES)).toEqual([]);
  expect(scarce(all, CONVENTIONS_COMPARED_MIN)).toEqual([]);
});

test("AI SDK spans say the same when Arize's converter made OpenInference of them", () => {
  const all = compareAll(AI_SDK_FIXTURES, "ai_sdk", fromAiSdk);
  expect(unexplained(all, AI_SDK_DIFFERENCES)).toEqual([]);
  expect(scarce(all, AI_SDK_COMPARED_MIN)).toEqual([]);
});

test.each([
  ["input_tokens", "llm.token_count.prompt", 7],
  ["model", "llm.model_name", "another"],
  ["provider", "llm.provider", "another"],
  ["run_type", "openinference.span.kind", "RETRIEVER"],
  ["input_messages", "llm.input_messages.0.message.role", "another"],
  ["output_messages", "llm.output_messages.0.message.contents.0.message_content.text", "another"],
  ["output_messages", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "another"],
])("a converter that says something else of %s (%s) is noticed", (column, attribute, value) => {
  // Of this capture, the table has no differences.
  const all = compareAll(["py-openai-otel-latest"], "otel_genai", (attributes) => {
    const converted = fromConventions(attributes) ?? {};
    return attribute in converted ? { ...converted, [attribute]: value } : converted;
  });
  expect(unexplained(all, [])).toContainEqual(expect.objectContaining({ column }));
});

test("a difference that is gone is noticed", () => {
  const gone: Difference = { column: "model", reason: "none", spans: { "otel-openai": 1 } };
  expect(unexplained([], [gone])).toEqual([["model of otel-openai", 1]]);
});
