import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createBatch, type ExportBatch } from "../../exporters/core/exporter.js";
import { createLangSmithExporter } from "../../exporters/langsmith/langsmith-exporter.js";
import { createTraceGatherer } from "../../exporters/langsmith/trace-gatherer.js";
import type { LangSmithExporterConfig } from "../../exporters/langsmith/types.js";
import { countItems, decodeOtlp, decodeOtlpJson, type TracesData } from "../../schema/index.js";
import { LangSmithStandIn } from "../support/langsmith-stand-in.js";
import { spanNamed, tracesOf } from "../support/memory-journal.js";

const FIXTURES = new URL("../fixtures/otlp/", import.meta.url);
const CONTEXT = { name: "langsmith", concurrency: 2, warn: () => undefined };

let standIn: LangSmithStandIn;

beforeAll(async () => {
  standIn = new LangSmithStandIn();
  await standIn.start();
});

afterAll(() => standIn.stop());

afterEach(() => {
  standIn.runs.clear();
  standIn.requests.length = 0;
  standIn.fault = undefined;
});

/** A folder is a fixture: what its client and its server sent, say, is one trace. */
function fixtures(): { name: string; data: TracesData[] }[] {
  return readdirSync(FIXTURES).map((name) => ({
    name,
    data: readdirSync(new URL(`${name}/`, FIXTURES))
      .filter((file) => file.startsWith("traces"))
      .map((file) => {
        const raw = readFileSync(new URL(`${name}/${file}`, FIXTURES));
        const bytes = raw[0] === 0x1f ? gunzipSync(raw) : raw;
        return file.endsWith(".pb") ? decodeOtlp("traces", bytes) : decodeOtlpJson("traces", bytes);
      }),
  }));
}

function batchOf(data: TracesData): ExportBatch {
  const itemCount = countItems("traces", data);
  const entry = { seq: 1, signal: "traces", remaining: itemCount } as const;
  return createBatch("traces", [{ entry, itemCount, bytes: 1_000, body: { kind: "data", data } }]);
}

/** Sends through one mode and returns the run trees that the stand-in has then. */
async function treesBy(
  mode: "translate" | "native",
  data: readonly TracesData[],
  over: Partial<LangSmithExporterConfig> = {},
): Promise<unknown[]> {
  standIn.runs.clear();
  const config: LangSmithExporterConfig = {
    type: "langsmith",
    mode,
    endpoint: standIn.url,
    apiKey: "lsv2_test_key",
    project: "golden",
    ...over,
  };
  const { exporter, tree } = createLangSmithExporter(config, CONTEXT);
  const batches = data.map(batchOf);
  const ready: ExportBatch[] = [];
  if (tree === undefined) ready.push(...batches);
  else {
    const gatherer = createTraceGatherer(config, { itemsMax: 1_000, bytesMax: 1e9 }, tree);
    for (const batch of batches) for (const part of batch.parts) gatherer.add("traces", part, 0);
    ready.push(...gatherer.take(0, "all"));
    expect(gatherer.bytes).toBe(0);
  }
  for (const batch of ready) {
    expect(await exporter.send(batch, new AbortController().signal)).toEqual({ kind: "delivered" });
  }
  await exporter.close();
  return standIn.trees();
}

describe("LangSmith run trees", () => {
  for (const { name, data } of fixtures()) {
    it(`${name}: the translation gives the golden run tree, and the native mode the same one`, async () => {
      const translated = await treesBy("translate", data);
      const spans = data.reduce((sum, request) => sum + countItems("traces", request), 0);
      expect(standIn.runs.size).toBe(spans);
      await expect(`${JSON.stringify(translated, undefined, 2)}\n`).toMatchFileSnapshot(
        new URL(`../golden/langsmith/${name}.json`, import.meta.url).pathname,
      );
      expect(await treesBy("native", data)).toEqual(translated);
    });
  }

  it("has a golden file for every fixture", () => {
    for (const { name } of fixtures()) {
      expect(existsSync(new URL(`../golden/langsmith/${name}.json`, import.meta.url))).toBe(true);
    }
  });
});

describe("what the run tree holds", () => {
  const TRACE = "0af7651916cd43dd8448eb211c80319c";
  const s = (stringValue: string): { stringValue: string } => ({ stringValue });

  function richTrace(): TracesData {
    const root = spanNamed("invoke_agent support", {
      traceId: TRACE,
      spanId: "1111111111111111",
      attributes: [
        { key: "gen_ai.operation.name", value: s("invoke_agent") },
        { key: "gen_ai.agent.name", value: s("support") },
        { key: "gen_ai.conversation.id", value: s("thread-7") },
        { key: "user.id", value: s("u-1") },
        { key: "gen_ai.usage.input_tokens", value: { intValue: 120n } },
        { key: "gen_ai.usage.output_tokens", value: { intValue: 30n } },
      ],
    });
    const chat = spanNamed("chat claude", {
      traceId: TRACE,
      spanId: "2222222222222222",
      parentSpanId: root.spanId,
      attributes: [
        { key: "gen_ai.operation.name", value: s("chat") },
        { key: "gen_ai.provider.name", value: s("anthropic") },
        { key: "gen_ai.request.model", value: s("claude") },
        { key: "gen_ai.request.temperature", value: { doubleValue: 0.5 } },
        { key: "gen_ai.usage.input_tokens", value: { intValue: 20n } },
        { key: "gen_ai.usage.cache_read.input_tokens", value: { intValue: 100n } },
        { key: "gen_ai.usage.output_tokens", value: { intValue: 30n } },
        { key: "gen_ai.usage.reasoning.output_tokens", value: { intValue: 4n } },
        { key: "gen_ai.response.time_to_first_chunk", value: { doubleValue: 0.25 } },
        { key: "langsmith.span.tags", value: s("prod, vip") },
        { key: "gen_ai.system_instructions", value: s('[{"type":"text","content":"Be kind."}]') },
        {
          key: "gen_ai.input.messages",
          value: s(
            JSON.stringify([
              {
                role: "user",
                parts: [
                  { type: "text", content: "What is this?" },
                  { type: "blob", modality: "image", mime_type: "image/png", content: "iVBORw0KGgo=" },
                ],
              },
              {
                role: "assistant",
                parts: [{ type: "tool_call", id: "c1", name: "look", arguments: { x: 1 } }],
              },
              { role: "tool", parts: [{ type: "tool_call_response", id: "c1", result: { ok: true } }] },
            ]),
          ),
        },
        {
          key: "gen_ai.output.messages",
          value: s(
            '[{"role":"assistant","parts":[{"type":"text","content":"A door."}],"finish_reason":"stop"}]',
          ),
        },
      ],
    });
    const tool = spanNamed("execute_tool refund", {
      traceId: TRACE,
      spanId: "3333333333333333",
      parentSpanId: root.spanId,
      startTimeUnixNano: chat.endTimeUnixNano,
      endTimeUnixNano: chat.endTimeUnixNano + 1_000_000n,
      status: { code: 2, message: "booking not found" },
      attributes: [
        { key: "gen_ai.operation.name", value: s("execute_tool") },
        { key: "gen_ai.tool.name", value: s("refund") },
        { key: "gen_ai.tool.call.arguments", value: s('{"booking":"BK-1"}') },
        { key: "gen_ai.tool.call.result", value: s("not json") },
        { key: "error.type", value: s("NotFound") },
      ],
    });
    const retrieval = spanNamed("retrieval kb", {
      traceId: TRACE,
      spanId: "4444444444444444",
      parentSpanId: tool.spanId,
      startTimeUnixNano: chat.endTimeUnixNano,
      attributes: [
        { key: "gen_ai.operation.name", value: s("retrieval") },
        { key: "gen_ai.retrieval.query.text", value: s("refund rules") },
        { key: "gen_ai.retrieval.documents", value: s('[{"id":"d1","score":0.9,"content":"No refunds."}]') },
      ],
    });
    return tracesOf([retrieval, chat, tool, root]);
  }

  it("kinds, names, thread, usage with cache and reasoning, error, attachments, documents", async () => {
    const trees = await treesBy("translate", [richTrace()]);
    expect(trees).toMatchObject([
      {
        id: "0af76519-16cd-43dd-8448-eb211c80319c",
        name: "support",
        run_type: "chain",
        session_name: "golden",
        metadata: { thread_id: "thread-7", user_id: "u-1", OTEL_TRACE_ID: TRACE },
        children: [
          {
            id: "00000000-0000-0000-2222-222222222222",
            run_type: "llm",
            tags: ["prod", "vip"],
            inputs: {
              messages: [
                { role: "system", content: "Be kind." },
                {
                  role: "user",
                  content: [
                    { type: "text", text: "What is this?" },
                    { type: "image", attachment: "image-1" },
                  ],
                },
                {
                  role: "assistant",
                  tool_calls: [{ id: "c1", function: { name: "look", arguments: '{"x":1}' } }],
                },
                { role: "tool", tool_call_id: "c1", content: '{"ok":true}' },
              ],
            },
            outputs: {
              role: "assistant",
              content: "A door.",
              finish_reason: "stop",
              usage_metadata: {
                input_tokens: 120,
                output_tokens: 30,
                total_tokens: 150,
                input_token_details: { cache_read: 100 },
                output_token_details: { reasoning: 4 },
              },
            },
            metadata: { ls_provider: "anthropic", ls_model_name: "claude", ls_model_type: "chat" },
            invocation_params: { model: "claude", temperature: 0.5 },
            attachments: { "image-1": { mime_type: "image/png", content: "iVBORw0KGgo=" } },
          },
          {
            name: "refund",
            run_type: "tool",
            error: "booking not found",
            inputs: { booking: "BK-1" },
            outputs: { output: "not json" },
            children: [
              {
                run_type: "retriever",
                inputs: { query: "refund rules" },
                outputs: { documents: [{ page_content: "No refunds.", metadata: { id: "d1", score: 0.9 } }] },
              },
            ],
          },
        ],
      },
    ]);
    // The agent repeats its children's tokens: LangSmith must not count them twice.
    expect(trees[0]).not.toHaveProperty("outputs.usage_metadata");
    expect(await treesBy("native", [richTrace()])).toEqual(trees);
    const chat = standIn.runs.get("00000000-0000-0000-2222-222222222222");
    const firstToken = new Date(1_795_417_903_516).toISOString().replace("Z", "000Z");
    expect(chat?.events).toEqual([{ name: "new_token", time: firstToken }]);
  });

  it("routes spans to projects by service, environment or attribute; what the span says itself wins", async () => {
    const projects = [
      { match: { attributes: { tenant: "acme" } }, project: "acme" },
      { match: { serviceName: "test", environment: "prod" }, project: "never" },
      { match: { serviceName: "test" }, project: "by-service" },
    ];
    const spans = [
      spanNamed("plain"),
      spanNamed("tenant", { attributes: [{ key: "tenant", value: s("acme") }] }),
      spanNamed("own", { attributes: [{ key: "langsmith.trace.session_name", value: s("mine") }] }),
    ];
    for (const mode of ["translate", "native"] as const) {
      await treesBy(mode, [tracesOf(spans)], { projects });
      const byName = new Map([...standIn.runs.values()].map((run) => [run.name, run.session_name]));
      expect(Object.fromEntries(byName)).toEqual({ plain: "by-service", tenant: "acme", own: "mine" });
    }
  });

  it("a project whose name no header can carry is named on the spans; what names its own keeps it", async () => {
    const spans = [
      spanNamed("plain"),
      spanNamed("own", { attributes: [{ key: "langsmith.trace.session_name", value: s("mine") }] }),
    ];
    for (const mode of ["translate", "native"] as const) {
      await treesBy(mode, [tracesOf(spans)], { project: "旅行 Größe" });
      const byName = new Map([...standIn.runs.values()].map((run) => [run.name, run.session_name]));
      expect(Object.fromEntries(byName), mode).toEqual({ plain: "旅行 Größe", own: "mine" });
    }
  });

  it("native: a server without multipart ingest gets the JSON batch instead", async () => {
    standIn.multipart = false;
    try {
      await treesBy("native", [richTrace()]);
      expect(standIn.runs.size).toBe(4);
    } finally {
      standIn.multipart = true;
    }
  });

  it("sends the key, project and workspace as headers, and content only once", async () => {
    await treesBy("translate", [richTrace()], { workspaceId: "ws-1" });
    const [request] = standIn.requests;
    expect(request?.headers).toMatchObject({
      "x-api-key": "lsv2_test_key",
      "langsmith-project": "golden",
      "x-tenant-id": "ws-1",
    });
    const body = request?.body.toString() ?? "";
    expect(body.split("What is this?")).toHaveLength(2);
    expect(body).toContain("gen_ai.provider.name");
    expect(body).not.toContain("gen_ai.input.messages");
  });
});
