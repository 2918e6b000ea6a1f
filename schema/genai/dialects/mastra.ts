import type { Dialect } from "../types.js";

/** Mastra: the conventions, with inputs and outputs under the kind of its span. */
export const MASTRA: Dialect = {
  name: "mastra",
  title: "Mastra",
  detect: { scopes: ["@mastra/otel-exporter", "@mastra/otel-bridge", "@mastra/*"], attributes: ["mastra.*"] },
  inputIncludesCache: true,
  columns: {
    run_type: [
      {
        from: "mastra.span.type",
        map: {
          agent_run: "chain",
          workflow_run: "chain",
          workflow_step: "chain",
          model_generation: "chain",
          model_step: "chain",
          model_chunk: "chain",
          processor_run: "chain",
          model_inference: "llm",
          tool_call: "tool",
          mcp_tool_call: "tool",
          rag_embedding: "embedding",
          rag_vector_operation: "retriever",
        },
      },
    ],
    conversation_id: ["mastra.metadata.threadId", "mastra.metadata.sessionId"],
    user_id: ["mastra.metadata.userId"],
    time_to_first_token_ms: [{ from: "mastra.completion_start_time", as: "instant_to_ms" }],
    tags: ["mastra.tags"],
    metadata: ["mastra.metadata.*"],
    input_messages: [
      "mastra.model_step.input",
      "mastra.model_generation.input",
      "mastra.agent_run.input",
      "mastra.workflow_run.input",
      "mastra.workflow_step.input",
      "mastra.processor_run.input",
    ],
    output_messages: [
      "mastra.model_step.output",
      "mastra.model_generation.output",
      "mastra.agent_run.output",
      "mastra.workflow_run.output",
      "mastra.workflow_step.output",
      "mastra.processor_run.output",
      "mastra.model_chunk.output",
    ],
    tool_arguments: [
      { from: "mastra.tool_call.input", when: ["tool"] },
      { from: "mastra.mcp_tool_call.input", when: ["tool"] },
    ],
    tool_result: [
      { from: "mastra.tool_call.output", when: ["tool"] },
      { from: "mastra.mcp_tool_call.output", when: ["tool"] },
    ],
  },
  notes: ["The call itself (model_inference) carries no input messages; they are on its parent, model_step."],
};
