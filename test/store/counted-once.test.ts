import { mkdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Span, TracesData } from "../../schema/index.js";
import { dataDirPaths } from "../../store/index.js";
import { runCompactionJob } from "../../store/compaction/compact.js";
import { planCompaction } from "../../store/compaction/plan.js";
import { traceRequests } from "../support/genai-fixtures.js";
import { MirrorHarness, RECEIVED, request, span, spanId, traceId } from "../support/mirror-harness.js";

const WEEK_MS = 7 * 86_400_000;
/** Captures in which Pydantic AI reports each call above the telemetry of Anthropic's client. */
const TWICE = ["py-pydantic-ai-v2", "py-pydantic-ai-v5", "py-pydantic-ai-v6"];

interface Call {
  readonly trace: number;
  readonly id: number;
  readonly parent?: number;
  readonly scope: string;
  readonly model?: string;
  readonly input?: number;
  readonly output?: number;
  readonly cost?: number;
  /** Milliseconds after the start of its trace. */
  readonly from?: number;
  readonly to?: number;
}

function callSpan(call: Call): TracesData {
  const { trace, id, parent, from = 0, to = 100, input, output, cost } = call;
  const model =
    call.model === undefined ? [] : [["gen_ai.request.model", { stringValue: call.model }] as const];
  const tokens = [
    ["gen_ai.usage.input_tokens", input],
    ["gen_ai.usage.output_tokens", output],
  ].flatMap(([key, value]) =>
    value === undefined ? [] : [[String(key), { intValue: BigInt(value) }] as const],
  );
  const paid = cost === undefined ? [] : [["gen_ai.usage.cost", { doubleValue: cost }] as const];
  const named = model.length === 0 ? [] : [["gen_ai.operation.name", { stringValue: "chat" }] as const];
  const one: Span = span({
    traceId: traceId(trace),
    spanId: spanId(id),
    parentSpanId: parent === undefined ? "" : spanId(parent),
    startTimeUnixNano: RECEIVED + BigInt(from) * 1_000_000n,
    endTimeUnixNano: RECEIVED + BigInt(to) * 1_000_000n,
    attributes: [...named, ...model, ...tokens, ...paid].map(([key, value]) => ({ key, value })),
  });
  const [resource] = request(one).resourceSpans;
  const scopeSpans = [
    {
      scope: { name: call.scope, version: "", attributes: [], droppedAttributesCount: 0 },
      spans: [one],
      schemaUrl: "",
    },
  ];
  return { resourceSpans: [{ ...resource, scopeSpans, schemaUrl: "" }] };
}

const call = { model: "gpt-4o-mini", input: 100, output: 10 };
const CASES: readonly {
  readonly what: string;
  readonly calls: readonly Call[];
  readonly wanted: readonly unknown[];
}[] = [
  {
    what: "a framework over a provider's client",
    calls: [
      { trace: 1, id: 10, scope: "app" },
      { trace: 1, id: 11, parent: 10, scope: "langchain", ...call },
      { trace: 1, id: 12, parent: 11, scope: "openai", ...call, from: 10, to: 90 },
    ],
    wanted: [100, 10, 1],
  },
  {
    what: "a client over a gateway, with HTTP spans between them",
    calls: [
      { trace: 2, id: 20, scope: "openai", ...call },
      { trace: 2, id: 21, parent: 20, scope: "http" },
      { trace: 2, id: 22, parent: 21, scope: "http" },
      { trace: 2, id: 23, parent: 22, scope: "openai", ...call },
    ],
    wanted: [100, 10, 1],
  },
  {
    what: "a gateway's library beside the client that it calls",
    calls: [
      { trace: 3, id: 30, scope: "app" },
      { trace: 3, id: 31, parent: 30, scope: "openai", ...call, from: 10, to: 90 },
      {
        trace: 3,
        id: 32,
        parent: 30,
        scope: "litellm",
        ...call,
        model: "openai/gpt-4o-mini",
        from: 5,
        to: 95,
      },
    ],
    wanted: [100, 10, 1],
  },
  {
    what: "two calls of one instrumentation, alike and at once: two calls",
    calls: [
      { trace: 4, id: 40, scope: "app" },
      { trace: 4, id: 41, parent: 40, scope: "openai", ...call },
      { trace: 4, id: 42, parent: 40, scope: "openai", ...call, from: 1, to: 99 },
    ],
    wanted: [200, 20, 2],
  },
  {
    what: "two calls of two instrumentations, one after the other: two calls",
    calls: [
      { trace: 5, id: 50, scope: "app" },
      { trace: 5, id: 51, parent: 50, scope: "openai", ...call, from: 0, to: 50 },
      { trace: 5, id: 52, parent: 50, scope: "litellm", ...call, from: 40, to: 99 },
    ],
    wanted: [200, 20, 2],
  },
  {
    what: "a cost that only the outer report has: it stays, the tokens of the inner one count",
    calls: [
      { trace: 6, id: 60, scope: "litellm", ...call, model: "unknown-model", cost: 0.5 },
      { trace: 6, id: 61, parent: 60, scope: "openai", ...call, model: "unknown-model", input: 90 },
    ],
    wanted: [90, 10, 1, 0.5],
  },
];

let harness: MirrorHarness;
beforeAll(async () => {
  harness = await MirrorHarness.open();
}, 60_000);
afterAll(async () => {
  await harness.close();
});

async function compact(): Promise<void> {
  const { catalog, dir } = harness;
  mkdirSync(dataDirPaths(dir).temp, { recursive: true });
  for (;;) {
    const job = planCompaction(catalog.snapshot().files, { nowMs: Date.now() + WEEK_MS, writtenMs: () => 0 });
    if (job === undefined) return;
    expect(await runCompactionJob({ dataDir: dir, catalog, job })).toMatchObject({ damaged: [] });
  }
}

const totals = async (trace: number): Promise<unknown[] | undefined> =>
  (
    await harness.query(
      `SELECT input_tokens::INTEGER, output_tokens::INTEGER, llm_calls::INTEGER, cost_usd FROM traces WHERE trace_id = '${traceId(trace)}'`,
    )
  )[0];

async function expectCases(): Promise<void> {
  for (const [at, { what, wanted }] of CASES.entries()) {
    const found = await totals(at + 1);
    expect([what, ...(found ?? []).slice(0, wanted.length)]).toEqual([what, ...wanted]);
  }
}

const ofClient = (requests: readonly TracesData[]): string[] =>
  requests.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        scope?.name.includes("anthropic") === true ? spans.map(({ spanId: id }) => `'${id}'`) : [],
      ),
    ),
  );

async function expectFixtures(): Promise<void> {
  for (const name of TWICE) {
    const requests = traceRequests(name);
    const traces = requests.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map(({ traceId: id }) => `'${id}'`)),
      ),
    );
    const ofTraces = await harness.query(
      `SELECT sum(input_tokens)::INTEGER, sum(output_tokens)::INTEGER, sum(llm_calls)::INTEGER FROM traces WHERE trace_id IN (${traces.join(", ")})`,
    );
    // The framework reports every call, the client only those that go through it, with the same tokens.
    const clients = ofClient(requests);
    const ofCalls = await harness.query(
      `SELECT sum(input_tokens) FILTER (usage_scope = 'own')::INTEGER,
         sum(output_tokens) FILTER (usage_scope = 'own')::INTEGER, count(*) FILTER (run_type = 'llm')::INTEGER
       FROM spans WHERE trace_id IN (${traces.join(", ")}) AND span_id NOT IN (${clients.join(", ")})`,
    );
    expect([name, ...(ofTraces[0] ?? [])]).toEqual([name, ...(ofCalls[0] ?? [])]);
    expect(clients.length).toBeGreaterThan(0);
  }
}

describe("a trace's totals count each call once", () => {
  it("whichever span comes first, in files of their own, before and after compaction", async () => {
    for (const { calls } of CASES) {
      for (const one of [...calls].reverse()) await harness.appendData("traces", callSpan(one), 1);
    }
    for (const one of TWICE.flatMap(traceRequests)) {
      const count = one.resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans),
      ).length;
      await harness.appendData("traces", one, count);
    }
    await harness.mirror.flush(60_000);
    await expectCases();
    await expectFixtures();
    await compact();
    await expectCases();
    await expectFixtures();
  }, 240_000);

  it("from the next compaction on also when the inner report comes after its trace was compacted as a whole one", async () => {
    const [outer, late] = [
      [
        { trace: 90, id: 900, scope: "langchain", ...call },
        { trace: 90, id: 901, parent: 900, scope: "http" },
      ],
      [{ trace: 90, id: 902, parent: 901, scope: "openai", ...call, input: 99 }],
    ];
    for (const one of outer ?? []) await harness.appendData("traces", callSpan(one), 1);
    await harness.mirror.flush(60_000);
    await compact();
    expect((await totals(90))?.slice(0, 3)).toEqual([100, 10, 1]);
    for (const one of late ?? []) await harness.appendData("traces", callSpan(one), 1);
    await harness.mirror.flush(60_000);
    expect((await totals(90))?.slice(0, 3)).toEqual([199, 20, 2]);
    await compact();
    expect((await totals(90))?.slice(0, 3)).toEqual([99, 10, 1]);
  }, 240_000);
});
