import type { RunType } from "./types.js";

/** What older and other emitters call the conventions' operations; compared in lower case. */
export const OPERATION_ALIASES: Readonly<Record<string, string>> = {
  llm_call: "chat",
  "chat.completions": "chat",
  "text.completions": "text_completion",
  completion: "text_completion",
  embedding: "embeddings",
  embed: "embeddings",
  tool_call: "execute_tool",
  agent_call: "invoke_agent",
  workflow: "invoke_workflow",
  retrieve: "retrieval",
  retriever: "retrieval",
  vector_db_retrieve: "retrieval",
};

/** LangSmith run type of each `gen_ai.operation.name`, the conventions' and those of other emitters. */
export const OPERATION_RUN_TYPES: Readonly<Record<string, RunType>> = {
  chat: "llm",
  text_completion: "llm",
  generate_content: "llm",
  completion: "llm",
  llm_call: "llm",
  "chat.completions": "llm",
  "text.completions": "llm",
  "ai.generatespeech": "llm",
  "ai.transcribe": "llm",
  embeddings: "embedding",
  embedding: "embedding",
  embed: "embedding",
  retrieval: "retriever",
  retrieve: "retriever",
  search_memory: "retriever",
  vector_db_retrieve: "retriever",
  rerank: "retriever",
  execute_tool: "tool",
  tool_call: "tool",
  create_memory_store: "tool",
  delete_memory_store: "tool",
  create_memory: "tool",
  update_memory: "tool",
  upsert_memory: "tool",
  delete_memory: "tool",
  invoke_agent: "chain",
  create_agent: "chain",
  agent_call: "chain",
  agent_step: "chain",
  plan: "chain",
  invoke_workflow: "chain",
  workflow: "chain",
  task: "chain",
  execute_task: "chain",
  chain: "chain",
  execute_event_loop_cycle: "chain",
  handle_conversation_turn: "chain",
  user_prompt: "chain",
  // Values that LangSmith's own exporter writes: the run type itself.
  llm: "llm",
  tool: "tool",
  retriever: "retriever",
  prompt: "prompt",
  parser: "parser",
};

/** The conventions' name of an operation; one that nobody knows stays as it is. */
export function toOperation(name: string): string {
  const lower = name.toLowerCase();
  if (Object.hasOwn(OPERATION_ALIASES, lower)) return OPERATION_ALIASES[lower] ?? name;
  return Object.hasOwn(OPERATION_RUN_TYPES, lower) ? lower : name;
}
