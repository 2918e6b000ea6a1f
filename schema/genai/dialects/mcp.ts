import type { Dialect } from "../types.js";

/** Model Context Protocol spans, of clients and of servers. */
export const MCP: Dialect = {
  name: "mcp",
  title: "Model Context Protocol",
  detect: { attributes: ["mcp.*"], scopes: ["@modelcontextprotocol/*", "mcp.*", "fastmcp*"] },
  columns: {
    run_type: [
      {
        from: "mcp.method.name",
        map: { "tools/call": "tool", "prompts/get": "prompt", "resources/read": "retriever", "*": "chain" },
      },
    ],
    operation: [{ from: "mcp.method.name", map: { "tools/call": "execute_tool" } }],
    tool_name: [
      "mcp.tool.name",
      { from: "mcp.request.name", when: ["tool"] },
      { from: "mcp.request.argument#name", when: ["tool"] },
    ],
    conversation_id: ["mcp.session.id"],
    tool_arguments: [
      { from: "mcp.request.argument#arguments", when: ["tool"] },
      { from: "mcp.request.argument", when: ["tool"] },
      { from: "mcp.request.arguments", when: ["tool"] },
    ],
    tool_result: [{ from: "mcp.response.value", when: ["tool"] }],
  },
  notes: ["mcp.session.id is the conversation only where nothing else names one."],
};
