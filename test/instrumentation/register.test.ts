import { describe, expect, it } from "vitest";
import { startOtlpSink, type OtlpSink } from "./otlp-sink.js";
import { runModule, startNode } from "./run-node.js";

const ONE_SPAN = `
  import { register, traceTool } from "@counterfoil/instrumentation";
  const registration = await register();
  console.log(registration.state, registration.reason);
  traceTool({ name: "t" }, () => 1)();
`;

/** Each test has a receiver of its own: they run side by side, for most of their time is Node starting. */
const test = it.extend<{ sink: OtlpSink }>({
  sink: async ({ task: _task }, use) => {
    const sink = await startOtlpSink();
    await use(sink);
    await sink.stop();
  },
});

describe.concurrent("register in an app's own process", () => {
  test("sends spans to OTEL_EXPORTER_OTLP_ENDPOINT with headers, resource and project, and flushes when the app ends", async ({
    sink,
  }) => {
    const result = await runModule(ONE_SPAN, {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_HEADERS: "x-team=desk",
      OTEL_SERVICE_NAME: "hotel",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=pro%64,service.name=other",
      LANGSMITH_PROJECT: "hotel-project",
    });
    expect(result).toMatchObject({ code: 0, stdout: "registered \n", stderr: "" });
    expect(sink.requests[0]).toMatchObject({ path: "/v1/traces", headers: { "x-team": "desk" } });
    expect(sink.spans).toHaveLength(1);
    expect(sink.spans[0]).toMatchObject({
      name: "execute_tool t",
      attributes: { "langsmith.trace.session_name": "hotel-project", "gen_ai.tool.call.result": "1" },
      resource: { "service.name": "hotel", "deployment.environment.name": "prod" },
    });
  });

  test("takes the traces' own endpoint as it is, and options before the environment", async ({ sink }) => {
    const code = ONE_SPAN.replace(
      "register()",
      'register({ serviceName: "by-option", headers: { "x-a": "1" } })',
    );
    await runModule(code, {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${sink.url}/custom/path`,
      OTEL_SERVICE_NAME: "by-environment",
    });
    expect(sink.requests[0]).toMatchObject({ path: "/custom/path", headers: { "x-a": "1" } });
    expect(sink.spans[0]?.resource["service.name"]).toBe("by-option");
  });

  test("works as node --import @counterfoil/instrumentation/register", async ({ sink }) => {
    const app = `import { traceTool } from "@counterfoil/instrumentation"; traceTool({ name: "t" }, () => 1)();`;
    const { ended } = startNode(
      ["--import", "@counterfoil/instrumentation/register", "--input-type=module", "--eval", app],
      { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url },
    );
    expect(await ended).toMatchObject({ code: 0, stderr: "" });
    expect(sink.spans.map((span) => span.name)).toEqual(["execute_tool t"]);
  });

  test.for(["SIGTERM", "SIGINT"] as const)(
    "flushes on %s and lets the signal end the process",
    async (signal, { sink }) => {
      const app = startNode(
        ["--input-type=module", "--eval", `${ONE_SPAN}; setInterval(() => {}, 1000); console.log("up");`],
        { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url },
      );
      await app.said("up");
      app.process.kill(signal);
      expect(await app.ended).toMatchObject({ code: null, signal });
      expect(sink.spans).toHaveLength(1);
    },
  );

  test("leaves a signal that the app handles to the app", async ({ sink }) => {
    const app = startNode(
      [
        "--input-type=module",
        "--eval",
        `${ONE_SPAN}
         const timer = setInterval(() => {}, 1000);
         process.on("SIGTERM", async () => { await registration.shutdown(); console.log("clean"); clearInterval(timer); });
         console.log("up");`,
      ],
      { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url },
    );
    await app.said("up");
    app.process.kill("SIGTERM");
    const result = await app.ended;
    expect([result.code, result.stdout.includes("clean")]).toEqual([0, true]);
    expect(sink.spans).toHaveLength(1);
  });

  test.for([
    ["OTEL_SDK_DISABLED", "true"],
    ["LANGSMITH_TRACING", "false"],
    ["OTEL_TRACES_EXPORTER", "none"],
  ] as const)("is off with %s=%s, says so, and the app runs on", async ([name, value], { sink }) => {
    const result = await runModule(ONE_SPAN, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, [name]: value });
    expect(result).toMatchObject({ code: 0, stdout: `off ${name} is ${value}\n`, stderr: "" });
    expect(sink.requests).toHaveLength(0);
  });

  test("samples by OTEL_TRACES_SAMPLER", async ({ sink }) => {
    const result = await runModule(ONE_SPAN, {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_TRACES_SAMPLER: "always_off",
    });
    expect(result.code).toBe(0);
    expect(sink.spans).toHaveLength(0);
  });

  test("sends its spans when OTEL_BSP_MAX_EXPORT_BATCH_SIZE=0 would make the SDK loop for ever", async ({
    sink,
  }) => {
    const result = await runModule(ONE_SPAN, {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "0",
    });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(sink.spans).toHaveLength(1);
  });

  test("keeps more than the SDK's 128 attributes", async ({ sink }) => {
    const code = ONE_SPAN.replace(
      '{ name: "t" }',
      '{ name: "t", attributes: Object.fromEntries(Array.from({ length: 1500 }, (_, i) => ["k" + i, i])) }',
    );
    await runModule(code, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url });
    expect(Object.keys(sink.spans[0]?.attributes ?? {}).length).toBeGreaterThan(1500);
  });

  test("uses a provider that is already there and doesn't replace it", async () => {
    const result = await runModule(`
      import { trace } from "@opentelemetry/api";
      import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
      import { register, traceTool } from "@counterfoil/instrumentation";
      const exporter = new InMemorySpanExporter();
      const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
      trace.setGlobalTracerProvider(provider);
      const first = await register();
      const second = await register({ serviceName: "late" });
      traceTool({ name: "t" }, () => 1)();
      await first.flush();
      console.log(first.state, first.provider === provider, first === second, exporter.getFinishedSpans().length);
    `);
    expect(result).toMatchObject({ code: 0, stdout: "existing true true 1\n", stderr: "" });
  });

  test("carries trace and conversation to another process by W3C headers", async ({ sink }) => {
    const result = await runModule(
      `
      import { context, propagation } from "@opentelemetry/api";
      import { register, traceTool, withConversation } from "@counterfoil/instrumentation";
      await register();
      const headers = {};
      withConversation({ conversationId: "c1" }, () =>
        traceTool({ name: "t" }, () => propagation.inject(context.active(), headers))());
      console.log(JSON.stringify(Object.keys(headers).sort()), headers.baggage);
    `,
      { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url },
    );
    expect(result.stdout).toBe('["baggage","traceparent"] gen_ai.conversation.id=c1\n');
  });

  test("ends well when nobody listens at the endpoint", async () => {
    const result = await runModule(`${ONE_SPAN}; await registration.shutdown(); console.log("ended");`, {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
    });
    expect(result).toMatchObject({ code: 0, stdout: "registered \nended\n" });
  });
});
