/**
 * What a wrapped call costs over the bare one, in microseconds: `node instrumentation/bench/overhead.mjs`. Each figure is
 * the median of several rounds of the same loop; the floor (the bare call) is measured in the same run and taken off.
 */
import { context, trace } from "@opentelemetry/api";
import { AlwaysOffSampler, BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { traceAgent, traceTool, wrapOpenAI } from "../dist/index.js";
import { AsyncContextManager } from "../dist/context-manager.js";

const CALLS = 4_000;
const ROUNDS = 7;
const CONTENT = "The guest asks about the refund of a booking. ".repeat(65); // about 3 KB

const discard = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => undefined };

function provider(options = {}) {
  return new TracerProvider({
    spanProcessors: [
      new BatchSpanProcessor({ exporter: discard, maxQueueSize: CALLS * 2, scheduledDelayMillis: 5 }),
    ],
    ...options,
  });
}

/** Median microseconds of one call. */
async function measure(call) {
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const start = performance.now();
    for (let index = 0; index < CALLS; index += 1) await call();
    const took = ((performance.now() - start) * 1000) / CALLS;
    if (round > 0) rounds.push(took); // the first round warms up
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

const completion = {
  id: "c",
  model: "m",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Yes." } }],
  usage: { prompt_tokens: 800, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 512 } },
};
/** A client of the OpenAI shape that answers at once: what is left is the wrapper. */
const fakeClient = () => ({ chat: { completions: { create: async () => completion } } });
const request = {
  model: "m",
  temperature: 0.2,
  messages: [{ role: "user", content: CONTENT }],
  tools: [{ type: "function", function: { name: "t", parameters: { type: "object" } } }],
};
const small = async (value) => value;
async function* chunks() {
  for (let index = 0; index < 100; index += 1) yield "word ";
}
async function drain(stream) {
  for await (const _chunk of stream);
}

const tool = traceTool({ name: "t" }, small);
const quietTool = traceTool({ name: "t", captureContent: false }, small);
const redactTool = traceTool({ name: "t", redact: (value) => value }, small);
const agentStream = traceAgent({ name: "a" }, chunks);
const bareClient = fakeClient();
const client = wrapOpenAI(fakeClient());
const quietClient = wrapOpenAI(fakeClient(), { captureContent: false });

const bare = {
  call: await measure(() => small(CONTENT)),
  chat: await measure(() => bareClient.chat.completions.create(request)),
  stream: await measure(() => drain(chunks())),
};

const rows = [];
async function row(what, call, floor, calls = 1) {
  rows.push({ what, "us a call": (((await measure(call)) - floor) / calls).toFixed(2) });
}

await row("no SDK registered: traceTool", () => tool(CONTENT), bare.call);
context.setGlobalContextManager(new AsyncContextManager());
trace.setGlobalTracerProvider(provider({ sampler: new AlwaysOffSampler() }));
await row("sampled out: traceTool", () => tool(CONTENT), bare.call);
trace.disable();
trace.setGlobalTracerProvider(provider());
await row("traceTool, content off", () => quietTool(CONTENT), bare.call);
await row("traceTool, 3 KB in and 3 KB out", () => tool(CONTENT), bare.call);
await row("traceTool, the same through redact", () => redactTool(CONTENT), bare.call);
await row("wrapOpenAI chat, content off", () => quietClient.chat.completions.create(request), bare.chat);
await row("wrapOpenAI chat, 3 KB prompt", () => client.chat.completions.create(request), bare.chat);
await row("stream of 100 chunks, a chunk", () => drain(agentStream()), bare.stream, 100);

console.log(`bare: async call ${bare.call.toFixed(2)} us; Node ${process.version}`);
console.table(rows);
