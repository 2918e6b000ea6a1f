import type { NormalisedColumns, RunType } from "./types.js";

/** Columns of `spans` that log records can fill, and the run types of the spans whose columns they fill. */
export const LOG_COLUMNS = {
  input_messages: ["llm", "chain", "retriever", "embedding", "prompt", "parser", null],
  output_messages: ["llm", "chain", "prompt", "parser", null],
  system_instructions: ["llm", "chain", "prompt", "parser", null],
  tool_definitions: ["llm", "chain", "prompt", "parser", null],
  tool_arguments: ["tool"],
  tool_result: ["tool"],
  retrieval_documents: ["retriever"],
  finish_reasons: ["llm"],
  response_model: ["llm", "embedding"],
  input_tokens: ["llm", "embedding"],
  output_tokens: ["llm", "embedding"],
  cache_read_tokens: ["llm", "embedding"],
  cache_write_tokens: ["llm", "embedding"],
  reasoning_tokens: ["llm", "embedding"],
  input_includes_cache: ["llm", "embedding"],
  cost_usd: ["llm", "embedding"],
} as const satisfies Readonly<Partial<Record<keyof NormalisedColumns, readonly (RunType | null)[]>>>;

/** One of {@link LOG_COLUMNS}. */
export type LogColumn = keyof typeof LOG_COLUMNS;

/** Names of {@link LOG_COLUMNS}. */
export const LOG_COLUMN_NAMES = Object.keys(LOG_COLUMNS) as readonly LogColumn[];

/** Those that are lists of messages: several records add to them. */
export const LOG_MESSAGE_COLUMNS: ReadonlySet<LogColumn> = new Set(["input_messages", "output_messages"]);

/** Those that count as one: filled only on a span that has no usage at all. */
export const LOG_USAGE_COLUMNS: ReadonlySet<LogColumn> = new Set([
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "input_includes_cache",
]);
