import type { Dialect } from "../types.js";

const KINDS = {
  llm: "llm",
  chat_model: "llm",
  chain: "chain",
  agent: "chain",
  workflow: "chain",
  task: "chain",
  tool: "tool",
  retriever: "retriever",
  reranker: "retriever",
  embedding: "embedding",
  parser: "parser",
  unknown: "chain",
};

/** MLflow tracing: every attribute is JSON text, even a plain string. */
export const MLFLOW: Dialect = {
  name: "mlflow",
  title: "MLflow",
  detect: { attributes: ["mlflow.*"], scopes: ["mlflow", "mlflow.*"] },
  inputIncludesCache: { openai: true, "gcp.gemini": true },
  columns: {
    run_type: [{ from: "mlflow.spanType", map: KINDS }],
    operation: [
      {
        from: "mlflow.spanType",
        map: {
          llm: "chat",
          chat_model: "chat",
          agent: "invoke_agent",
          tool: "execute_tool",
          retriever: "retrieval",
          embedding: "embeddings",
        },
      },
    ],
    provider: [{ from: "mlflow.llm.provider", as: "quoted_provider" }],
    request_model: [{ from: "mlflow.llm.model", as: "quoted_text" }, "mlflow.spanInputs#model"],
    tool_name: [{ from: "mlflow.spanFunctionName", as: "quoted_text", when: ["tool"] }],
    conversation_id: [{ from: "mlflow.trace.session", as: "quoted_text" }],
    user_id: [{ from: "mlflow.trace.user", as: "quoted_text" }],
    input_tokens: ["mlflow.chat.tokenUsage#input_tokens"],
    output_tokens: ["mlflow.chat.tokenUsage#output_tokens"],
    total_tokens: ["mlflow.chat.tokenUsage#total_tokens"],
    cache_read_tokens: ["mlflow.chat.tokenUsage#cache_read_input_tokens"],
    cache_write_tokens: ["mlflow.chat.tokenUsage#cache_creation_input_tokens"],
    cost_usd: [
      "mlflow.llm.cost#total_cost",
      { from: "mlflow.llm.cost#input_cost", plus: "mlflow.llm.cost#output_cost" },
    ],
    input_messages: [
      {
        from: "mlflow.spanInputs",
        as: "quoted_input",
        when: ["llm", "chain", "retriever", "embedding", "prompt", "parser"],
      },
    ],
    output_messages: [
      { from: "mlflow.spanOutputs", as: "quoted_output", when: ["llm", "chain", "prompt", "parser"] },
    ],
    tool_definitions: ["mlflow.chat.tools"],
    tool_arguments: [{ from: "mlflow.spanInputs", when: ["tool"] }],
    tool_result: [{ from: "mlflow.spanOutputs", when: ["tool"] }],
    retrieval_documents: [{ from: "mlflow.spanOutputs", when: ["retriever"] }],
  },
};
