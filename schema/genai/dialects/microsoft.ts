import type { Dialect } from "../types.js";

/** Microsoft Agent Framework: close to the conventions, plus workflows. */
export const AGENT_FRAMEWORK: Dialect = {
  name: "ms_agent_framework",
  title: "Microsoft Agent Framework",
  detect: {
    scopes: [
      "agent_framework",
      "agent_framework.*",
      "Microsoft.Agents.AI*",
      "Experimental.Microsoft.Agents.AI*",
    ],
    attributes: ["executor.id", "edge_group.*", "workflow.definition"],
  },
  inputIncludesCache: true,
  columns: {
    run_type: [{ from: "executor.id", map: { "*": "chain" } }],
    agent_name: ["gen_ai.agent.name", { from: "executor.id", when: ["chain"] }],
  },
};

/** Semantic Kernel and Azure AI Inference: messages in `gen_ai.event.content` of span events. */
export const SEMANTIC_KERNEL: Dialect = {
  name: "semantic_kernel",
  title: "Microsoft Semantic Kernel and Azure AI Inference",
  detect: { scopes: ["Microsoft.SemanticKernel*", "semantic_kernel*", "Azure.AI.Inference*"] },
  inputIncludesCache: true,
  columns: {
    input_messages: [{ from: "@*", as: "event_input" }],
    output_messages: [{ from: "@*", as: "event_output" }],
  },
};
