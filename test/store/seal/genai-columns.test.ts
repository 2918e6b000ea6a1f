import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  encodeOtlp,
  JSON_COLUMNS,
  type KeyValue,
  type NormalisedColumns,
  normaliseSpan,
  type NormalisedSpan,
  priceOf,
  RULE_SET_VERSION,
  type Span,
  type TracesData,
} from "../../../schema/index.js";
import type { MirrorRow } from "../../../store/mirror-row.js";
import { isDefaultSource } from "../../../store/seal/provenance.js";
import { FIXTURE_NAMES, traceRequests } from "../../support/genai-fixtures.js";
import { anyValue, keyValues, type Plain } from "../../schema/genai/spans.js";
import { SealHarness } from "../../support/seal-harness.js";

let harness: SealHarness;
beforeAll(async () => {
  harness = await SealHarness.open();
});
afterAll(() => {
  harness.close();
});

const INTEGERS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
];
const DOUBLES = ["cost_usd", "time_to_first_token_ms"];
const TEXTS = [
  "run_type",
  "operation",
  "project",
  "provider",
  "request_model",
  "response_model",
  "agent_name",
  "tool_name",
  "conversation_id",
  "user_id",
  "usage_scope",
  "error_type",
  "service_tier",
  "cost_source",
  "price_version",
];
const JSONS = [...JSON_COLUMNS];

/** What a sealed row says, in the words of the normaliser. */
function sealed(row: MirrorRow): unknown {
  const entries: [string, unknown][] = [
    ...TEXTS.map((column): [string, unknown] => [column, row.text(column)]),
    ...INTEGERS.map((column): [string, unknown] => [column, numberOf(row.integer(column))]),
    ...DOUBLES.map((column): [string, unknown] => [column, row.double(column)]),
    ...JSONS.map((column): [string, unknown] => [column, parsed(row.text(column))]),
    ["input_includes_cache", row.boolean("input_includes_cache")],
    ["dialect", row.text("dialect")],
    ["provenance", parsed(row.text("provenance"))],
    ["rule_set_version", row.number("rule_set_version")],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

function numberOf(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}

function parsed(text: string | null): unknown {
  return text === null ? null : (JSON.parse(text) as unknown);
}

/** What the normaliser says. */
function expected({ columns, dialects, provenance }: NormalisedSpan, time: bigint): unknown {
  const { environment: _environment, ...own } = columns;
  const told = Object.entries(provenance).filter(([column, source]) => !isDefaultSource(column, source));
  return {
    ...Object.fromEntries(
      Object.entries(own).map(([column, value]) => [
        column,
        JSON_COLUMNS.has(column) ? parsed(String(value)) : value,
      ]),
    ),
    ...costOfCall(columns, time),
    ...(dialects.length === 0 ? {} : { dialect: dialects.join(",") }),
    ...(told.length === 0 ? {} : { provenance: Object.fromEntries(told) }),
    rule_set_version: RULE_SET_VERSION,
  };
}

/** The cost columns, by the prices that ship: the emitter's cost, else that of a call with a known price. */
function costOfCall(columns: NormalisedColumns, time: bigint): object {
  if (columns.cost_usd !== undefined) return { cost_source: "emitter" };
  const model = columns.response_model ?? columns.request_model;
  if (columns.usage_scope !== "own" || model === undefined || columns.provider === undefined) return {};
  const details = JSON.parse(String(columns.usage_details ?? "{}")) as Record<string, number>;
  const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
  const cost = priceOf(
    {
      inputTokens: number(columns.input_tokens),
      outputTokens: number(columns.output_tokens),
      cacheReadTokens: number(columns.cache_read_tokens),
      cacheWriteTokens: number(columns.cache_write_tokens),
      cacheWrite1hTokens: details["cache_write_1h_tokens"],
      audioInputTokens: details["audio_input_tokens"],
      audioOutputTokens: details["audio_output_tokens"],
      imageInputTokens: details["image_input_tokens"],
      imageOutputTokens: details["image_output_tokens"],
      inputIncludesCache: columns.input_includes_cache as boolean | undefined,
      serviceTier: columns.service_tier as string | undefined,
    },
    String(model),
    String(columns.provider),
    time,
  );
  if (cost === null) return {};
  return { cost_usd: cost.usd, cost_source: "price", price_version: cost.priceVersion };
}

function expectedOf(requests: readonly TracesData[]): unknown[] {
  return requests.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span) => expected(normaliseSpan({ ...span, scope, resource }), span.startTimeUnixNano)),
      ),
    ),
  );
}

async function sealedOf(requests: readonly TracesData[]): Promise<unknown[]> {
  const rows = await harness.roundTrip(
    "traces",
    requests.map((request) => encodeOtlp("traces", request)),
  );
  return rows.map(sealed);
}

function request(attributeLists: readonly KeyValue[][], scopeName = "app", service?: string): TracesData {
  const spans = attributeLists.map((attributes, index): Span => ({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: (index + 1).toString(16).padStart(16, "0"),
    traceState: "",
    parentSpanId: "",
    flags: 0,
    name: "s",
    kind: 1,
    startTimeUnixNano: 1_795_417_782_000_000_000n,
    endTimeUnixNano: 1_795_417_783_000_000_000n,
    attributes,
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
  }));
  const scope = { name: scopeName, version: "", attributes: [], droppedAttributesCount: 0 };
  const resource =
    service === undefined
      ? {}
      : {
          resource: {
            attributes: keyValues({ "service.name": service }),
            droppedAttributesCount: 0,
            entityRefs: [],
          },
        };
  return { resourceSpans: [{ ...resource, schemaUrl: "", scopeSpans: [{ schemaUrl: "", scope, spans }] }] };
}

const messages = JSON.stringify([{ role: "user", parts: [{ type: "text", content: "hi" }] }]);
const VALUES: { readonly [key: string]: readonly Plain[] } = {
  "gen_ai.operation.name": [
    "chat",
    "execute_tool",
    "invoke_agent",
    "embeddings",
    "retrieval",
    "dream",
    "llm_call",
    "",
    3,
  ],
  "gen_ai.provider.name": ["openai", "anthropic", "openai.chat", "langchain", ""],
  "gen_ai.system": ["openai", "az.ai.openai"],
  "gen_ai.request.model": [
    "gpt-4o",
    "claude-haiku-4-5",
    "my-model",
    "",
    "GPT-4o",
    "eu.amazon.nova-lite-v1",
    "m".repeat(300),
  ],
  "gen_ai.response.model": ["gpt-4o-2024-08-06", "qwen3-72b"],
  "gen_ai.agent.name": ["a", "gemini-cli"],
  "gen_ai.tool.name": ["t"],
  "gen_ai.tool.call.id": ["c1"],
  "gen_ai.conversation.id": ["c", 7],
  "session.id": ["s"],
  "user.id": ["u"],
  "enduser.id": ["e"],
  "langsmith.span.kind": ["llm", "tool", "chain", "Llm", "x"],
  "langsmith.trace.session_name": ["p"],
  "langsmith.trace.name": ["n"],
  "langsmith.span.tags": ["", "a,b"],
  "langsmith.metadata.thread_id": ["t"],
  "langsmith.metadata.user_id": ["m"],
  "langsmith.metadata.ls_provider": ["groq"],
  "langsmith.metadata.x": ["1", 2, [1, "a"]],
  "langsmith.usage_metadata": ['{"input_tokens":5}'],
  "gen_ai.usage.input_tokens": [0, 10, 90, 1.0, "12", 2 ** 40, 1.5],
  "gen_ai.usage.prompt_tokens": [4],
  "gen_ai.usage.output_tokens": [3],
  "gen_ai.usage.cache_read.input_tokens": [0, 5, 64],
  "gen_ai.usage.cache_creation.input_tokens": [7],
  "gen_ai.usage.cache_write.input_tokens": [8],
  "gen_ai.usage.cache_read_input_tokens": [9],
  "gen_ai.usage.reasoning_tokens": [1],
  "gen_ai.usage.total_tokens": [12, 99],
  "gen_ai.usage.cost": [0.5, 1, "0.25"],
  "gen_ai.response.time_to_first_chunk": [0.25, 2, -1, "0.5", "soon"],
  "gen_ai.response.finish_reasons": [
    ["stop"],
    ["tool_calls"],
    ["stop", "length"],
    '["stop"]',
    "stop",
    ["odd"],
    [],
  ],
  "error.type": ["E"],
  "openai.response.service_tier": ["default", "flex"],
  "openai.request.service_tier": ["auto"],
  "gen_ai.openai.response.service_tier": ["default"],
  "gen_ai.openai.request.service_tier": ["auto", 7],
  "gen_ai.input.messages": [
    messages,
    "hi",
    '[{"role":"user","content":"hi"}]',
    '[{"role":"model","parts":[{"text":"x"}]}]',
    [{ role: "user", parts: [{ type: "text", content: "hi" }] }],
    "",
  ],
  "gen_ai.output.messages": [messages],
  "gen_ai.system_instructions": ["be kind", '[{"type":"text","content":"x"}]'],
  "gen_ai.tool.definitions": [
    '[{"type":"function","name":"f"}]',
    '[{"type":"function","function":{"name":"f"}}]',
    ["f"],
  ],
  "gen_ai.tool.call.arguments": ['{"a":1}', "plain", "12", "true", '"quoted"', { a: 1 }],
  "gen_ai.tool.call.result": ['[{"a":1}]', "plain text", 5],
  "gen_ai.retrieval.documents": ['[{"id":"d","text":"x"}]', '[{"page_content":"x"}]'],
  "gen_ai.prompt": ['{"messages":[{"role":"user","content":"hi"}]}'],
  "gen_ai.completion": ["done"],
  "gen_ai.request.temperature": [0.5],
  "gen_ai.future.thing": ["x"],
  "openinference.span.kind": ["LLM", "TOOL"],
  "llm.input_messages.0.message.content": ["hi"],
  "input.value": ["in"],
  "http.method": ["GET"],
  model: ["m"],
  "thread.id": ["t9"],
};

const attributes = fc
  .subarray(Object.keys(VALUES))
  .chain((keys) => fc.shuffledSubarray(keys, { minLength: keys.length }))
  .chain((keys) =>
    fc.tuple(
      ...keys.map((key) =>
        fc.constantFrom(...(VALUES[key] ?? [])).map((value): KeyValue => ({ key, value: anyValue(value) })),
      ),
    ),
  );
/** Few attributes: then the byte path reads the span alone more often than not. */
const fewAttributes = fc
  .shuffledSubarray(Object.keys(VALUES), { maxLength: 5 })
  .chain((keys) =>
    fc.tuple(
      ...keys.map((key) =>
        fc.constantFrom(...(VALUES[key] ?? [])).map((value): KeyValue => ({ key, value: anyValue(value) })),
      ),
    ),
  );

describe("GenAI columns of sealed spans", () => {
  it.each(FIXTURE_NAMES)("%s: every span is sealed as the normaliser reads it", async (name) => {
    const requests = traceRequests(name);
    expect(await sealedOf(requests)).toEqual(expectedOf(requests));
  });

  it("an empty text fills no column, whichever other attributes are beside it", async () => {
    const empty = (...more: Readonly<Record<string, Plain>>[]): KeyValue[] =>
      keyValues(Object.assign({}, ...more) as Record<string, Plain>);
    const operation = { "gen_ai.operation.name": "chat" };
    const texts = ["gen_ai.request.model", "gen_ai.agent.name", "gen_ai.conversation.id", "user.id"];
    const lists = texts.flatMap((key) => [
      empty(operation, { [key]: "" }),
      empty({ [key]: "" }, operation),
      empty(operation, { "gen_ai.response.time_to_first_chunk": 0.25, [key]: "" }),
      empty({ "http.method": "GET", "gen_ai.response.time_to_first_chunk": 0.25 }, operation, { [key]: "" }),
    ]);
    const requests = [request(lists), ...lists.map((list) => request([list]))];
    expect(await sealedOf(requests)).toEqual(expectedOf(requests));
  });

  it("a cost of minus zero is zero, whichever way its span is read: its sign would depend on what else is in the file", async () => {
    const cost = (key: string): KeyValue => ({ key, value: { doubleValue: -0 } });
    const rows = await sealedOf([
      request([[cost("gen_ai.usage.cost")]]),
      request([[cost("llm.cost.total"), ...keyValues({ "openinference.span.kind": "LLM" })]]),
    ]);
    // `toEqual` tells zeros apart.
    expect(rows).toEqual([
      expect.objectContaining({ cost_usd: 0 }),
      expect.objectContaining({ cost_usd: 0 }),
    ]);
  });

  it("whatever mix of attributes comes, the byte path and the full rules say the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(attributes, fewAttributes), { minLength: 1, maxLength: 100 }),
        fc.constantFrom("app", "langsmith", "gen_ai", "pydantic-ai"),
        // A resource, too, may tell a dialect: by one value only, and not by a longer one that has it.
        fc.array(fc.constantFrom(undefined, "shop", "openrouter", "openrouter-proxy"), {
          minLength: 3,
          maxLength: 3,
        }),
        async (lists, scope, [first, second, third]) => {
          const chat = [keyValues({ "gen_ai.operation.name": "chat" })];
          const requests = [
            request(
              lists.map((list) => [...list]),
              scope,
              first,
            ),
            request(chat, "app", second),
            request(chat, "app", third),
          ];
          expect(await sealedOf(requests)).toEqual(expectedOf(requests));
        },
      ),
      { numRuns: 30 },
    );
  });
});
