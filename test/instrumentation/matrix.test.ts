import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { startOtlpSink, type OtlpSink } from "./otlp-sink.js";
import { ROOT, startNode } from "./run-node.js";
import { startStandIn } from "./stand-in-server.js";

/** The rows below install packages from the registry, so they run only when asked for. */
const RUN_MATRIX = process.env["COUNTERFOIL_MATRIX"] === "1";
if (!RUN_MATRIX) {
  console.log(
    "matrix of openai 4-7 and OpenTelemetry 2.x/3.x skipped: set COUNTERFOIL_MATRIX=1 (needs a registry)",
  );
}

const SDK_2 = [
  "@opentelemetry/api@1.9.1",
  "@opentelemetry/sdk-trace@2.12.0",
  "@opentelemetry/exporter-trace-otlp-http@0.223.0",
];
const SDK_3 = [
  "@opentelemetry/api@1.10",
  "@opentelemetry/sdk-trace@3",
  "@opentelemetry/exporter-trace-otlp-http@0.301",
];

const folders: string[] = [];
let sink: OtlpSink;

beforeEach(async () => {
  sink = await startOtlpSink();
});

afterEach(() => sink.stop());

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

/** A folder outside the repository that holds this package as npm would install it, and nothing else. */
function appFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "counterfoil-app-"));
  folders.push(folder);
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
  cpSync(join(ROOT, "test/instrumentation/matrix-app.mjs"), join(folder, "app.mjs"));
  return folder;
}

/** After any `npm install`, for that would remove it again. */
function addThisPackage(folder: string): void {
  const target = join(folder, "node_modules/@counterfoil/instrumentation");
  mkdirSync(target, { recursive: true });
  cpSync(join(ROOT, "instrumentation/package.json"), join(target, "package.json"));
  cpSync(join(ROOT, "instrumentation/dist"), join(target, "dist"), { recursive: true });
}

function install(folder: string, packages: readonly string[]): void {
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  execFileSync("npm", ["install", ...flags, ...packages], { cwd: folder, stdio: "ignore" });
}

describe("an app without an SDK", () => {
  it("runs on, with one warning that says what to install", async () => {
    const folder = appFolder();
    addThisPackage(folder);
    cpSync(join(ROOT, "node_modules/@opentelemetry/api"), join(folder, "node_modules/@opentelemetry/api"), {
      recursive: true,
    });
    const result = await startNode(["app.mjs"], {}, folder).ended;
    expect(result).toMatchObject({ code: 0, stdout: "off\n" });
    expect(result.stderr).toContain("no OpenTelemetry SDK is installed. Run: npm install @opentelemetry/api");
    expect(result.stderr.match(/CounterfoilInstrumentation/g)).toHaveLength(1);
  });
});

describe.runIf(RUN_MATRIX)("versions", () => {
  it("uses the packages inside sdk-node when only that is installed", { timeout: 120_000 }, async () => {
    const folder = appFolder();
    install(folder, ["@opentelemetry/api@1.9.1", "@opentelemetry/sdk-node@0.223.0"]);
    addThisPackage(folder);
    const result = await startNode(["app.mjs"], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, folder).ended;
    expect(result).toMatchObject({ code: 0, stdout: "registered\n", stderr: "" });
    expect(sink.spans.map((span) => span.name)).toEqual(["execute_tool t"]);
  });

  it("uses an older 2.x SDK with sdk-trace-base", { timeout: 120_000 }, async () => {
    const folder = appFolder();
    install(folder, [
      "@opentelemetry/api@1.9.0",
      "@opentelemetry/sdk-trace-base@2.0.1",
      "@opentelemetry/exporter-trace-otlp-http@0.202.0",
    ]);
    addThisPackage(folder);
    expect(existsSync(join(folder, "node_modules/@opentelemetry/sdk-trace"))).toBe(false);
    const result = await startNode(["app.mjs"], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, folder).ended;
    expect(result).toMatchObject({ code: 0, stdout: "registered\n", stderr: "" });
    expect(sink.spans.map((span) => span.name)).toEqual(["execute_tool t"]);
  });

  it.each([
    ["openai 4 on OpenTelemetry 2.x", "openai@4", SDK_2],
    ["openai 5 on OpenTelemetry 2.x", "openai@5", SDK_2],
    ["openai 6 on OpenTelemetry 3.x", "openai@6", SDK_3],
    ["openai 7 on OpenTelemetry 3.x", "openai@7", SDK_3],
  ])("%s makes the same spans", { timeout: 180_000 }, async (_name, openai, sdk) => {
    const folder = appFolder();
    install(folder, [openai, ...sdk]);
    addThisPackage(folder);
    const model = await startStandIn();
    model.answer(PLAIN, STREAMED, RESPONSE, EMBEDDED, REFUSED);
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, MODEL_URL: `${model.url}/v1` };
    const result = await startNode(["app.mjs"], env, folder).ended;
    await model.stop();
    expect({ ...result, stderr: "" }).toMatchObject({ code: 0, stdout: "registered\n" });
    const spans = new Map(sink.spans.map((span) => [span.name, span]));
    const text = (content: string): string =>
      JSON.stringify([{ role: "assistant", parts: [{ type: "text", content }], finish_reason: "stop" }]);
    expect(spans.get("chat plain")?.attributes).toMatchObject({
      "gen_ai.conversation.id": "c1",
      "gen_ai.output.messages": text("plain answer"),
    });
    expect(spans.get("chat streamed")?.attributes).toMatchObject({
      "gen_ai.request.stream": true,
      "gen_ai.output.messages": text("streamed answer"),
    });
    expect(spans.get("chat responses")?.attributes).toMatchObject({
      "gen_ai.output.messages": text("responses answer"),
    });
    expect(spans.get("embeddings embedded")?.attributes).toHaveProperty("gen_ai.embeddings.dimension.count");
    expect(spans.get("chat refused")).toMatchObject({
      statusCode: 2,
      attributes: { "error.type": "RateLimitError" },
    });
    expect(sink.spans).toHaveLength(5);
  });
});

const PLAIN = {
  body: {
    id: "a",
    model: "m",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "plain answer" } }],
  },
};

const STREAMED = {
  events: ["streamed ", "answer"].map((content, index) => ({
    id: "b",
    model: "m",
    choices: [{ index: 0, delta: { content }, finish_reason: index === 1 ? "stop" : null }],
  })),
};

const RESPONSE = {
  body: {
    id: "c",
    model: "m",
    status: "completed",
    output: [
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "responses answer" }] },
    ],
  },
};

const EMBEDDED = {
  body: { model: "m", data: [{ index: 0, embedding: [1, 0] }], usage: { prompt_tokens: 1, total_tokens: 1 } },
};

const REFUSED = { status: 429, body: { error: { message: "slow down" } } };
