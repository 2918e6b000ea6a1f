import { describe, expect, it } from "vitest";
import { explainSpan } from "../../../schema/genai/normalise.js";
import { isMapped, toProvider } from "../../../schema/index.js";
import { columnsOf, said, spanOf } from "./spans.js";

describe("costs in parts", () => {
  const langfuse = { "langfuse.observation.type": "generation" };

  it.each([
    [
      "Langfuse",
      { ...langfuse, "langfuse.observation.cost_details": '{"input":0.25,"cache_read":0.125,"output":0.5}' },
      0.875,
    ],
    [
      "OpenInference",
      { "openinference.span.kind": "LLM", "llm.cost.prompt": "0.25", "llm.cost.completion": 0.5 },
      0.75,
    ],
    ["OpenLIT and Laminar", { "gen_ai.usage.input_cost": 0.25, "gen_ai.usage.output_cost": 0.5 }, 0.75],
    ["LangSmith", { "langsmith.usage_metadata": '{"input_cost":0.25,"output_cost":0.5}' }, 0.75],
    ["MLflow", { "mlflow.llm.cost": '{"input_cost":0.25,"output_cost":0.5}' }, 0.75],
  ])("%s: the emitter's cost is their sum", (_name, attributes, cost) => {
    expect(columnsOf(attributes)["cost_usd"]).toBe(cost);
  });

  it("a total goes before the parts, and one part alone is no cost", () => {
    const total = '{"input":0.25,"output":0.5,"total":0.8}';
    expect(columnsOf({ ...langfuse, "langfuse.observation.cost_details": total })["cost_usd"]).toBe(0.8);
    expect(columnsOf({ "openinference.span.kind": "LLM", "llm.cost.prompt": 0.25 })["cost_usd"]).toBe(
      undefined,
    );
  });

  it("provenance names both parts, and neither counts as ignored or unmapped", () => {
    const span = explainSpan(spanOf({ "gen_ai.usage.input_cost": 0.25, "gen_ai.usage.output_cost": 0.5 }));
    expect(span.provenance["cost_usd"]).toBe("gen_ai.usage.input_cost + gen_ai.usage.output_cost");
    expect([span.ignored, span.unmapped]).toEqual([[], []]);
    expect(isMapped("gen_ai.usage.output_cost")).toBe(true);
  });
});

describe("tokens", () => {
  const answer = (thoughts: number, total: number): string =>
    `{"usage_metadata":{"prompt_token_count":10,"candidates_token_count":3,"thoughts_token_count":${thoughts},"total_token_count":${total}}}`;

  it("output that leaves the reasoning out, as the total tells, is filled with both", () => {
    expect(columnsOf({ "gcp.vertex.agent.llm_response": answer(7, 20) })).toMatchObject({
      output_tokens: 10,
      reasoning_tokens: 7,
    });
    expect(columnsOf({ "gcp.vertex.agent.llm_response": answer(2, 13) })["output_tokens"]).toBe(3);
  });

  it("fewer tokens than none are unknown", () => {
    const columns = columnsOf({ "gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": "-5" });
    expect([columns["input_tokens"], columns["output_tokens"]]).toEqual([undefined, undefined]);
  });
});

describe("names", () => {
  it.each([
    ["AzureOpenAI", "azure.ai.openai"],
    ["Azure OpenAI", "azure.ai.openai"],
    ["Vertex AI", "gcp.vertex_ai"],
    ["vertex_ai_beta", "gcp.vertex_ai"],
    ["googleai/gemini-2.0-flash", "gcp.gemini"],
    ["Mistral AI", "mistral_ai"],
    ["AWS Bedrock", "aws.bedrock"],
    ["IBM Watsonx", "ibm.watsonx.ai"],
    ["x.ai", "x_ai"],
    ["Together AI", "Together AI"],
  ])("the provider %s is %s", (emitted, provider) => {
    expect(toProvider(emitted)).toBe(provider);
  });

  it("an operation in another case is the conventions' own", () => {
    expect(columnsOf({ "gen_ai.operation.name": "Chat" })).toMatchObject({
      operation: "chat",
      run_type: "llm",
    });
  });
});

describe("what older and rarer emitters write", () => {
  it("OpenLLMetry's names of 2023", () => {
    expect(
      columnsOf({
        "llm.request.type": "chat",
        "llm.vendor": "OpenAI",
        "llm.request.model": "gpt-3.5-turbo",
        "llm.response.model": "gpt-3.5-turbo-0613",
        "llm.prompts.0.role": "user",
        "llm.prompts.0.content": "hi",
        "llm.completions.0.role": "assistant",
        "llm.completions.0.content": "hello",
        "llm.usage.prompt_tokens": 3,
        "llm.usage.completion_tokens": 4,
      }),
    ).toMatchObject({
      provider: "openai",
      request_model: "gpt-3.5-turbo",
      response_model: "gpt-3.5-turbo-0613",
      input_tokens: 3,
      output_tokens: 4,
      input_messages: [said("user", "hi")],
      output_messages: [said("assistant", "hello")],
    });
  });

  it("Semantic Kernel's operation, tokens and reason before it took the conventions' names", () => {
    expect(
      columnsOf({
        "gen_ai.operation.name": "chat.completions",
        "gen_ai.response.prompt_tokens": 4,
        "gen_ai.response.completion_tokens": 3,
        "gen_ai.response.finish_reason": "Stop",
      }),
    ).toMatchObject({
      operation: "chat",
      run_type: "llm",
      input_tokens: 4,
      output_tokens: 3,
      finish_reasons: ["stop"],
    });
  });

  it("a tool's request and answer and media in Genkit's messages", () => {
    const messages = [
      { role: "model", content: [{ toolRequest: { name: "lookup", ref: "c1", input: { id: 7 } } }] },
      { role: "tool", content: [{ toolResponse: { name: "lookup", ref: "c1", output: "found" } }] },
      { role: "user", content: [{ media: { url: "data:image/png;base64,AA==", contentType: "image/png" } }] },
    ];
    const columns = columnsOf({
      "genkit:metadata:subtype": "model",
      "genkit:name": "googleai/gemini-2.0-flash",
      "genkit:input": JSON.stringify({ messages }),
    });
    expect(columns["provider"]).toBe("gcp.gemini");
    expect(columns["input_messages"]).toEqual([
      {
        role: "assistant",
        parts: [{ type: "tool_call", id: "c1", name: "lookup", arguments: { id: 7 } }],
      },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "found" }] },
      {
        role: "user",
        parts: [{ type: "blob", modality: "image", mime_type: "image/png", content: "AA==" }],
      },
    ]);
  });

  it("a plain text that was written as JSON has no quotes, and JSON's null says nothing", () => {
    const columns = columnsOf({ "mlflow.spanType": '"CHAIN"', "mlflow.spanInputs": '"hi"' });
    expect(columns["input_messages"]).toEqual([said("user", "hi")]);
    expect(
      columnsOf({ "traceloop.span.kind": "task", "traceloop.entity.output": "null" })["output_messages"],
    ).toBe(undefined);
  });

  it("an MCP call's name and arguments out of its parameters", () => {
    expect(
      columnsOf({
        "mcp.method.name": "tools/call",
        "mcp.request.argument": '{"name":"lookup","arguments":{"id":7}}',
      }),
    ).toMatchObject({ tool_name: "lookup", tool_arguments: { id: 7 } });
  });

  it("Gemini CLI's tool spans hold arguments and result where calls hold messages", () => {
    expect(
      columnsOf(
        {
          "gen_ai.operation.name": "tool_call",
          "gen_ai.input.messages": '{"path":"."}',
          "gen_ai.output.messages": '"listed"',
        },
        { scope: "gemini-cli" },
      ),
    ).toMatchObject({ tool_arguments: { path: "." }, tool_result: "listed" });
  });
});
