/** A column in which one of Arize's converters says something else than we do, and why. */
export interface Difference {
  readonly column: string;
  readonly reason: string;
  /** How many spans of each capture differ. */
  readonly spans: Readonly<Record<string, number>>;
}

/** Of `@arizeai/openinference-genai`. */
export const CONVENTION_DIFFERENCES: readonly Difference[] = [
  {
    column: "finish_reasons",
    reason: "it reads lists only and writes `stop` for these reasons, which were sent as JSON text",
    spans: {
      mastra: 1,
      "py-agent-framework": 2,
      "py-litellm-latest": 1,
      "py-litellm-old": 1,
      "py-logfire": 2,
    },
  },
  {
    column: "input_messages",
    reason:
      "a tool's result stands under `result`, as older conventions had it, and it writes `undefined` for it",
    spans: { "py-pydantic-ai-v2": 4, "py-pydantic-ai-v5": 4, "py-pydantic-ai-v6": 4 },
  },
  {
    column: "input_messages",
    reason: "it doesn't know pydantic_ai.all_messages: it has the instructions only",
    spans: { "py-pydantic-ai-v2": 3, "py-pydantic-ai-v5": 3, "py-pydantic-ai-v6": 3 },
  },
  {
    column: "output_messages",
    reason: "Pydantic AI calls reasoning `thinking`: it writes the whole part as text",
    spans: { "py-pydantic-ai-v2": 1, "py-pydantic-ai-v5": 1, "py-pydantic-ai-v6": 1 },
  },
  {
    column: "input_messages",
    reason: "LiteLLM has tool calls beside the parts, and it reads parts only",
    spans: { "py-litellm-latest": 4, "py-litellm-old": 4 },
  },
  {
    column: "output_messages",
    reason: "LiteLLM leaves the calls out of the parts; we take them from its older attributes",
    spans: { "py-litellm-latest": 1, "py-litellm-old": 1 },
  },
  {
    column: "input_messages",
    reason: "the messages are in span events, or in an attribute of Mastra's: it has the instructions only",
    spans: { "py-strands-latest": 4, mastra: 1 },
  },
  {
    column: "output_messages",
    reason: "OpenInference has a message's tool calls beside its contents, so their order is lost",
    spans: { "ai7-otel3": 1 },
  },
  {
    column: "tool_definitions",
    reason: "the tools are names only, and it writes each as JSON text",
    spans: { mastra: 1 },
  },
  {
    column: "input_tokens",
    reason:
      "Claude Code's own count, which we take, leaves out the cache; that of the conventions includes it",
    spans: { "py-claude-agent-sdk-cli": 3 },
  },
  {
    column: "tool_name",
    reason: "Claude Code's own name, which we take, has the MCP server in it",
    spans: { "py-claude-agent-sdk-cli": 1 },
  },
  {
    column: "run_type",
    reason: "LangSmith calls a retriever's operation `embeddings`; we go by its own langsmith.span.kind",
    spans: { "py-langchain-langsmith": 1 },
  },
  ...["run_type", "operation", "tool_arguments", "tool_result"].map((column) => ({
    column,
    reason:
      "OpenLIT names the tool that a chat called, and it takes any span with a tool's name for the tool's",
    spans: { "py-openlit": 2 },
  })),
];

/** Of `@arizeai/openinference-vercel`. */
export const AI_SDK_DIFFERENCES: readonly Difference[] = [
  {
    column: "input_messages",
    reason: "it writes a tool's result with the AI SDK's envelope {type, value}",
    spans: { ai6: 1, "ai6-proto": 1, "js-ai5": 1 },
  },
  {
    column: "input_messages",
    reason: "of ai.prompt with `system` and `prompt` it makes a message of `system` only",
    spans: { ai6: 1, "ai6-proto": 1, "js-ai3": 2, "js-ai4": 2, "js-ai5": 2 },
  },
];
