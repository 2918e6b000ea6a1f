import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchSpanProcessor, TracerProvider, type SpanExporter } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../collector/config/index.js";
import { startCollector, type Collector } from "../../collector/service.js";
import type { DestinationDocument } from "../../collector/status.js";
import { createLogger } from "../../collector/telemetry/logger.js";
import { encodeOtlp, SIGNALS, type Signal } from "../../schema/index.js";
import { queryRows } from "../../store/index.js";
import { makeSpan, makeTraces, post, tracesBody } from "./harness.js";

let dataDir: string;
let collector: Collector | undefined;
let log: string[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "counterfoil-service-"));
  log = [];
});
afterEach(async () => {
  await collector?.shutdown(2_000);
  collector = undefined;
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
});

const yaml = (more: string, exporters = "[mirror]"): string => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" }, grpc: { endpoint: "127.0.0.1:0" } } } }
${more}
service:
  pipelines:
    traces: ${exporters.startsWith("{") ? exporters : `{ receivers: [otlp], exporters: ${exporters} }`}
    logs: { receivers: [otlp], exporters: [mirror] }
    metrics: { receivers: [otlp], exporters: [mirror] }
`;

async function start(text: string): Promise<Collector> {
  const { config } = loadConfig({ text, file: "test.yaml" }, { KEY: "a-secret-key-1" });
  const stream = { write: (line: string) => void log.push(line) };
  collector = await startCollector(config, { dataDir, logger: createLogger("info", stream) });
  return collector;
}

const urlOf = (running: Collector): string => `http://127.0.0.1:${running.ports.http ?? 0}`;

function destination(running: Collector, name: string): DestinationDocument {
  const found = running.status().destinations.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no destination ${name}`);
  return found;
}

/** I2, for each signal. */
function expectIdentity(account: DestinationDocument): void {
  const sum = (buckets: Readonly<Record<string, Record<Signal, number>>>, signal: Signal): number =>
    Object.values(buckets).reduce((total, counts) => total + counts[signal], 0);
  for (const signal of SIGNALS) {
    const settled =
      account.delivered[signal] + sum(account.filtered, signal) + sum(account.dead_letter, signal);
    expect(settled + account.waiting[signal], `${account.name} ${signal}`).toBe(account.accepted[signal]);
  }
}

async function exportSpans(exporter: SpanExporter, names: readonly string[]): Promise<void> {
  const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
  const tracer = provider.getTracer("test");
  for (const name of names)
    tracer.startSpan(name, { attributes: { "gen_ai.operation.name": "chat", n: 1 } }).end();
  await provider.forceFlush();
  await provider.shutdown();
}

describe("with the OpenTelemetry SDK's own exporters", () => {
  it("takes spans over http/json, http/protobuf, gzip and gRPC, and SQL finds them all", async () => {
    const running = await start(yaml("exporters: { mirror: }"));
    const url = `${urlOf(running)}/v1/traces`;
    const gzip = "gzip" as never;
    await exportSpans(new JsonExporter({ url }), ["json 1", "json 2"]);
    await exportSpans(new ProtoExporter({ url }), ["proto"]);
    await exportSpans(new JsonExporter({ url, compression: gzip }), ["json gzip"]);
    await exportSpans(new ProtoExporter({ url, compression: gzip }), ["proto gzip"]);
    await exportSpans(new GrpcExporter({ url: `http://127.0.0.1:${running.ports.grpc ?? 0}` }), ["grpc"]);
    await exportSpans(
      new GrpcExporter({ url: `http://127.0.0.1:${running.ports.grpc ?? 0}`, compression: gzip }),
      ["grpc gzip"],
    );
    await running.flush(20_000);
    const rows = await queryRows({ dataDir, sql: "SELECT name FROM spans ORDER BY name" });
    expect(JSON.stringify(rows)).toContain("grpc gzip");
    expect(destination(running, "mirror").delivered.traces).toBe(7);
    expectIdentity(destination(running, "mirror"));
  });
});

describe("accounts", () => {
  it("I2: accepted = delivered + filtered + waiting + dead_letter for every destination and signal", async () => {
    const out = join(dataDir, "out");
    const running = await start(
      yaml(
        `processors:
  filter/noise: { drop: [{ rule: noise, name: noise }] }
  redaction: { value_patterns: ["^(a+)+b?$"] }
exporters:
  mirror:
  file: { path: ${out} }
  otlp_http/down: { endpoint: "http://127.0.0.1:9" }`,
        `{ receivers: [otlp], processors: [filter/noise, redaction], exporters: [mirror, file] }
    traces/down: { receivers: [otlp], exporters: [otlp_http/down] }`,
      ),
    );
    const poison = `${"a".repeat(64)}!`;
    const spans = [
      makeSpan(1, { name: "keep" }),
      makeSpan(2, { name: "noise" }),
      makeSpan(3, { name: poison }),
    ];
    const body = encodeOtlp("traces", makeTraces([...spans, makeSpan(4, { spanId: "01" })]));
    expect((await post({ url: urlOf(running) }, body)).status).toBe(200);
    for (const name of ["file", "mirror", "otlp_http/down"]) {
      const known = name === "otlp_http/down" ? 3 : 0;
      await expect
        .poll(() => [destination(running, name).accepted.traces, destination(running, name).waiting.traces], {
          timeout: 20_000,
        })
        .toEqual([3, known]);
    }
    const file = destination(running, "file");
    expect(file.accepted.traces).toBe(3);
    expect(file.delivered.traces).toBe(1);
    expect(file.filtered["filter/noise/noise"]?.traces).toBe(1);
    expect(file.dead_letter["redaction_error"]?.traces).toBe(1);
    for (const each of running.status().destinations) expectIdentity(each);
    const written = readdirSync(out).map((name) => readFileSync(join(out, name), "utf8"));
    expect(written.join("")).toContain("keep");
    expect(written.join("")).not.toContain(poison);
    const metrics = await (await fetch(`${urlOf(running)}/metrics`)).text();
    for (const line of [
      'counterfoil_receiver_accepted_spans_total{receiver="otlp",transport="http"} 3',
      'counterfoil_receiver_refused_spans_total{receiver="otlp",transport="http"} 1',
      'counterfoil_exporter_sent_spans_total{exporter="file"} 1',
      'counterfoil_exporter_filtered_spans_total{exporter="file",rule="filter/noise/noise"} 1',
      'counterfoil_exporter_dead_letter_spans_total{exporter="file",reason="redaction_error"} 1',
      'counterfoil_exporter_queue_size{exporter="otlp_http/down"} 1',
      "counterfoil_journal_durable_seq 1",
    ]) {
      expect(metrics).toContain(line);
    }
    for (const name of [
      "uptime_seconds_total",
      "cpu_seconds_total",
      "memory_rss_bytes",
      "runtime_heap_alloc_bytes",
    ])
      expect(metrics).toMatch(new RegExp(`^counterfoil_process_${name} [0-9.]*[1-9]`, "m"));
    expect(metrics).toMatch(/^counterfoil_process_event_loop_delay_max_seconds [0-9.]+$/m);
    expect(metrics).toMatch(/^counterfoil_process_event_loop_stalls_total [0-9]+$/m);
    expect(running.status().process.rss_bytes).toBeGreaterThan(1e6);
  });
});

/** A foreign Host or Origin is 403 on pages; addresses and localhost are fine. */
async function foreignHosts(running: Collector): Promise<void> {
  const statusFor = (headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: running.ports.http, path: "/api/v1/status", headers };
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
  expect(await statusFor({ host: "evil.example" })).toBe(403);
  expect(await statusFor({ host: `localhost:${running.ports.http}` })).toBe(200);
  expect(await statusFor({ origin: "https://evil.example" })).toBe(403);
}

/** A control request needs Content-Type: application/json, so that a web form can't send it. */
async function controlRequests(running: Collector): Promise<void> {
  const flush = (headers: Record<string, string>, body = "{}"): Promise<Response> =>
    fetch(`${urlOf(running)}/api/v1/flush`, { method: "POST", headers, body });
  expect((await flush({ "content-type": "text/plain" })).status).toBe(400);
  expect((await flush({ "content-type": "application/json" }, "[]")).status).toBe(400);
  expect((await flush({ "content-type": "application/json" })).status).toBe(200);
  expect((await fetch(`${urlOf(running)}/api/v1/flush`)).status).toBe(405);
  const missing = await fetch(`${urlOf(running)}/api/v1/replay`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ to: "nobody", from_seq: 1 }),
  });
  expect(missing.status).toBe(404);
}

describe("life", () => {
  it("item 80, item 81: pages answer this machine, and neither foreign hosts and origins nor web forms", async () => {
    const running = await start(yaml("exporters: { mirror: }"));
    for (const page of ["healthz", "readyz", "metrics", "api/v1/status"]) {
      expect((await fetch(`${urlOf(running)}/${page}`)).status, page).toBe(200);
    }
    expect((await fetch(`${urlOf(running)}/api/v1/nothing`)).status).toBe(404);
    await foreignHosts(running);
    await controlRequests(running);
  });

  it("item 42: what was accepted before a shutdown is in the mirror after it; a second shutdown is harmless", async () => {
    const running = await start(yaml("exporters: { mirror: }"));
    const same = Array.from({ length: 20 }, () => post({ url: urlOf(running) }, tracesBody(5)));
    expect((await Promise.all(same)).every(({ status }) => status === 200)).toBe(true);
    await Promise.all([running.shutdown(20_000), running.shutdown(20_000)]);
    await running.shutdown(0);
    expect(running.status().state).toBe("stopped");
    // Item 19: twenty times the same request is one logical copy.
    const rows = await queryRows({ dataDir, sql: "SELECT 'spans ' || count(*) AS n FROM spans" });
    expect(JSON.stringify(rows)).toContain("spans 5");
    expect(readdirSync(dataDir)).not.toContain("lock");
  });

  it("item 59: a second collector on the same data directory is refused, the first goes on", async () => {
    const running = await start(yaml("exporters: { mirror: }"));
    const { config } = loadConfig({ text: yaml("exporters: { mirror: }"), file: "test.yaml" }, {});
    await expect(startCollector(config, { dataDir, logger: createLogger("silent") })).rejects.toMatchObject({
      code: "CF_DATA_DIR_LOCKED",
    });
    expect((await post({ url: urlOf(running) }, tracesBody())).status).toBe(200);
  });

  it("gives the lock back when a port is taken", async () => {
    const running = await start(yaml("exporters: { mirror: }"));
    const other = mkdtempSync(join(tmpdir(), "counterfoil-service-"));
    const { config } = loadConfig({ text: yaml("exporters: { mirror: }"), file: "test.yaml" }, {});
    const options = { dataDir: other, logger: createLogger("silent") };
    const taken = { ...options, httpPort: running.ports.http ?? 0 };
    await expect(startCollector(config, taken)).rejects.toMatchObject({ code: "CF_LISTEN_FAILED" });
    const second = await startCollector(config, options);
    await second.shutdown(2_000);
    rmSync(other, { recursive: true, force: true, maxRetries: 20 });
  });

  it("item 80: refuses --host beyond this machine without a key", async () => {
    const { config } = loadConfig({ text: yaml("exporters: { mirror: }"), file: "test.yaml" }, {});
    const options = { dataDir, logger: createLogger("silent"), host: "0.0.0.0" };
    await expect(startCollector(config, options)).rejects.toMatchObject({ code: "CF_CONFIG_INVALID" });
  });

  it("item 72: at the journal's cap senders get 503 and nothing is lost; it goes on when the space is given back", async () => {
    const journal = "journal: { max_size: 256KiB }\n";
    const down = "exporters: { mirror: , otlp_http/gone: { endpoint: 'http://127.0.0.1:9' } }";
    const first = await start(yaml(journal + down, "[mirror, otlp_http/gone]"));
    const body = tracesBody(20, { name: "x".repeat(1_000) });
    let accepted = 0;
    let last: Response;
    for (;;) {
      last = await post({ url: urlOf(first) }, body);
      if (last.status !== 200) break;
      accepted += 20;
      expect(accepted).toBeLessThan(1_000);
    }
    expect(last.status).toBe(503);
    expect(last.headers.get("retry-after")).toBe("2");
    expect((await fetch(`${urlOf(first)}/readyz`)).status).toBe(503);
    expect(first.status().journal.accepted.traces).toBe(accepted);
    await expect.poll(() => destination(first, "otlp_http/gone").waiting.traces).toBe(accepted);
    await first.shutdown(5_000);
    const dropped = yaml(`${journal}exporters: { mirror: }`).replace(
      "service:",
      "service:\n  dropped_destinations: [otlp_http/gone]",
    );
    const second = await start(dropped);
    await expect
      .poll(async () => (await post({ url: urlOf(second) }, body)).status, { timeout: 10_000 })
      .toBe(200);
    await expect
      .poll(() => destination(second, "mirror").delivered.traces, { timeout: 20_000 })
      .toBe(accepted + 20);
  });

  it("item 71: a destination taken out of the configuration holds the journal until it is dropped", async () => {
    const withDown = yaml(
      "exporters: { mirror: , otlp_http/gone: { endpoint: 'http://127.0.0.1:9' } }",
      "[mirror, otlp_http/gone]",
    );
    const first = await start(withDown);
    await post({ url: urlOf(first) }, tracesBody(2));
    await expect
      .poll(() => destination(first, "otlp_http/gone").requests.failed, { timeout: 20_000 })
      .toBeGreaterThan(0);
    await first.shutdown(1_000);
    const second = await start(yaml("exporters: { mirror: }"));
    expect(second.status().removed_destinations).toEqual([{ name: "otlp_http/gone", cursor_seq: 0 }]);
    expect(log.join("")).toContain("not configured any more");
    const drop = await fetch(`${urlOf(second)}/api/v1/drop`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ to: "otlp_http/gone" }),
    });
    expect(drop.status).toBe(200);
    expect(second.status().removed_destinations).toEqual([]);
  });
});

describe("safety of the pages", () => {
  it("item 87: a configured key shows up neither in status, metrics nor log", async () => {
    const text = yaml(
      "exporters: { mirror: , otlp_http: { endpoint: 'http://127.0.0.1:9', headers: { x: '${env:KEY}' } } }",
      "[mirror, otlp_http]",
    ).replace('"127.0.0.1:0" }, grpc', '"127.0.0.1:0", auth: { api_keys: ["${env:KEY}"] } }, grpc');
    const running = await start(text);
    expect((await post({ url: urlOf(running) }, tracesBody())).status).toBe(401);
    const refused = await post({ url: urlOf(running) }, tracesBody(), {
      authorization: "Bearer wrong-key-12345",
    });
    expect(await refused.text()).not.toContain("wrong-key");
    expect(
      (await post({ url: urlOf(running) }, tracesBody(), { authorization: "Bearer a-secret-key-1" })).status,
    ).toBe(200);
    await expect
      .poll(() => destination(running, "otlp_http").requests.failed, { timeout: 20_000 })
      .toBeGreaterThan(0);
    const seen = [
      await (await fetch(`${urlOf(running)}/api/v1/status`)).text(),
      await (await fetch(`${urlOf(running)}/metrics`)).text(),
      ...log,
    ].join("");
    expect(seen).not.toContain("a-secret-key-1");
  });
});
