import { connect as connectHttp2, constants } from "node:http2";
import { gzipSync } from "node:zlib";
import { Client, compressionAlgorithms, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { CounterfoilError, decodeExportResponse, decodeStatus, encodeOtlp } from "../../schema/index.js";
import { makeSpan, makeTraces, rawConnection, startHarness, tracesBody, type Harness } from "./harness.js";

let harness: Harness;
afterEach(() => harness.close());

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
  readonly bytes: Uint8Array | undefined;
}

/** One unary call with the real client of @grpc/grpc-js and bytes as messages. */
function call(
  body: Uint8Array,
  options: { path?: string; headers?: Record<string, string>; gzip?: boolean; port?: number } = {},
): Promise<Outcome> {
  const client = new Client(`127.0.0.1:${options.port ?? harness.grpc.port}`, credentials.createInsecure(), {
    "grpc.default_compression_algorithm":
      options.gzip === true ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
  });
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(options.headers ?? {})) metadata.set(key, value);
  return new Promise((resolve) => {
    const done = (error: ServiceError | null, bytes?: Buffer): void => {
      client.close();
      resolve({
        code: error?.code ?? 0,
        details: error?.details ?? "",
        metadata: error?.metadata ?? new Metadata(),
        bytes,
      });
    };
    client.makeUnaryRequest(
      options.path ?? EXPORT,
      (message: Uint8Array) => Buffer.from(message),
      (message: Buffer) => message,
      body,
      metadata,
      { deadline: Date.now() + 5_000 },
      done,
    );
  });
}

/** One call with nothing but HTTP/2, so that the DATA frames can be cut anywhere. */
function rawCall(
  frames: readonly Uint8Array[],
  headers: Record<string, string> = {},
): Promise<{ headers: Record<string, unknown>; trailers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${harness.grpc.port}`);
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": EXPORT,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    let answer: Record<string, unknown> = {};
    let trailers: Record<string, unknown> = {};
    stream.on("response", (values) => (answer = { ...values }));
    stream.on("trailers", (values) => (trailers = { ...values }));
    stream.on("error", () => undefined);
    stream.on("close", () => {
      session.close();
      resolve({ headers: answer, trailers });
    });
    stream.resume();
    const send = (index: number): void => {
      const frame = frames[index];
      if (frame === undefined) stream.end();
      else stream.write(frame, () => setImmediate(() => send(index + 1)));
    };
    send(0);
  });
}

const prefixed = (bytes: Uint8Array, flag = 0, length = bytes.length): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
};

describe("with the client of @grpc/grpc-js", () => {
  it("I1: stores the message byte for byte and answers OK", async () => {
    harness = await startHarness();
    const body = tracesBody(3);
    const outcome = await call(body);
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.bytes).toEqual(Buffer.alloc(0));
    const [record] = harness.stored();
    expect(record).toMatchObject({ signal: "traces", encoding: "identity", itemCount: 3 });
    expect(Buffer.from(record?.payload ?? []).equals(body)).toBe(true);
    expect(harness.counted).toEqual({ "accepted traces grpc": 3 });
    expect(harness.admission.bytes).toBe(0);
  });

  it.each([
    ["logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"],
    ["metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"],
  ])("serves %s; an empty request is OK without a record", async (_signal, path) => {
    harness = await startHarness();
    expect(await call(new Uint8Array(0), { path })).toMatchObject({ code: 0 });
    expect(harness.stored()).toEqual([]);
  });

  it("a gzip message is stored compressed as it came", async () => {
    harness = await startHarness();
    expect(await call(tracesBody(50), { gzip: true })).toMatchObject({ code: 0 });
    expect(harness.stored()[0]).toMatchObject({ encoding: "gzip", itemCount: 50 });
  });

  it("messages far larger than the flow-control windows arrive whole, many at once", async () => {
    harness = await startHarness({ grpc: { bodyBytesMax: 20 * 1024 * 1024 } });
    const body = tracesBody(1, { name: "x".repeat(6 * 1024 * 1024) });
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => call(body)));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(harness.stored().every(({ payload }) => Buffer.from(payload).equals(body))).toBe(true);
    expect(harness.stored()).toHaveLength(6);
  });

  it("reports partial success", async () => {
    harness = await startHarness();
    const body = encodeOtlp("traces", makeTraces([makeSpan(1), makeSpan(2, { spanId: "" })]));
    const { bytes } = await call(body);
    expect(decodeExportResponse("traces", bytes ?? new Uint8Array(0), "protobuf").rejected).toBe(1);
    expect(harness.stored()[0]?.itemCount).toBe(1);
  });

  it("bad data is INVALID_ARGUMENT", async () => {
    harness = await startHarness();
    const outcome = await call(new Uint8Array([0x0a, 0x7f]));
    expect(outcome.code).toBe(3);
    expect(outcome.details).not.toBe("");
  });

  it("an unknown method, and a signal without a pipeline, are UNIMPLEMENTED", async () => {
    harness = await startHarness({ grpc: { signals: ["logs"] } });
    expect((await call(tracesBody(), { path: "/x.Y/Z" })).code).toBe(12);
    expect((await call(tracesBody())).code).toBe(12);
  });

  it("item 24: a message over the limit is RESOURCE_EXHAUSTED without RetryInfo, so that it is not tried again", async () => {
    harness = await startHarness({ grpc: { bodyBytesMax: 10_000 } });
    const outcome = await call(tracesBody(1, { name: "x".repeat(20_000) }));
    expect(outcome.code).toBe(8);
    expect(outcome.details).toMatch(/10000/);
    expect(outcome.metadata.get("grpc-status-details-bin")).toEqual([]);
    const bomb = await call(tracesBody(1, { name: "x".repeat(20_000) }), { gzip: true });
    expect(bomb.code).toBe(8);
    expect(harness.stored()).toEqual([]);
  });

  it("item 21: without a valid key it is UNAUTHENTICATED; both headers are taken", async () => {
    harness = await startHarness({ keys: ["key-number-one", "key-number-two"] });
    expect((await call(tracesBody())).code).toBe(16);
    expect((await call(tracesBody(), { headers: { authorization: "Bearer wrong" } })).code).toBe(16);
    expect((await call(tracesBody(), { headers: { authorization: "Bearer key-number-two" } })).code).toBe(0);
    expect((await call(tracesBody(), { headers: { "x-api-key": "key-number-one" } })).code).toBe(0);
    expect(harness.stored()).toHaveLength(2);
  });

  it("item 22: overload is RESOURCE_EXHAUSTED with RetryInfo", async () => {
    harness = await startHarness({ inflightBytesMax: 100 });
    const outcome = await call(tracesBody(10));
    expect(outcome.code).toBe(8);
    const [details] = outcome.metadata.get("grpc-status-details-bin");
    const status = decodeStatus(new Uint8Array(details as Buffer), "protobuf");
    expect(status).toMatchObject({ code: 8, retryDelaySeconds: 2 });
    expect(harness.admission.bytes).toBe(0);
  });

  it("a full journal is UNAVAILABLE with RetryInfo, and says nothing about the disk", async () => {
    harness = await startHarness({
      wrap: () => ({
        append: () => Promise.reject(new CounterfoilError("CF_JOURNAL_IO", "EIO at /secret/path")),
      }),
    });
    const outcome = await call(tracesBody());
    expect(outcome.code).toBe(14);
    expect(outcome.details).not.toMatch(/secret/);
    expect(outcome.metadata.get("grpc-status-details-bin")).toHaveLength(1);
    expect(harness.counted).toEqual({ "failed traces grpc CF_JOURNAL_IO": 1 });
  });

  it("refuses as UNAVAILABLE while draining", async () => {
    harness = await startHarness();
    harness.ingest.drain();
    expect((await call(tracesBody())).code).toBe(14);
  });
});

describe("on the wire", () => {
  it("a message cut into frames anywhere is put together", async () => {
    harness = await startHarness();
    const body = tracesBody(2);
    const bytes = prefixed(body);
    const frames = Array.from({ length: bytes.length }, (_, index) => bytes.subarray(index, index + 1));
    const { headers, trailers } = await rawCall(frames, { "grpc-timeout": "5S" });
    expect(headers[":status"]).toBe(200);
    expect(trailers["grpc-status"]).toBe("0");
    expect(Buffer.from(harness.stored()[0]?.payload ?? []).equals(body)).toBe(true);
  });

  it.each([
    ["no message", [], {}, "3"],
    ["half a message", [prefixed(tracesBody()).subarray(0, 20)], {}, "3"],
    ["two messages", [prefixed(tracesBody()), prefixed(tracesBody())], {}, "3"],
    ["an unknown compression flag", [prefixed(tracesBody(), 7)], {}, "3"],
    ["a compressed message without an encoding", [prefixed(gzipSync(tracesBody()), 1)], {}, "3"],
    ["an announced length over the cap", [prefixed(tracesBody(), 0, 2 ** 31)], {}, "8"],
  ])("%s ends with a status in trailers-only form", async (_name, frames, more, status) => {
    harness = await startHarness();
    const { headers } = await rawCall(frames, more);
    expect(headers).toMatchObject({
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": status,
    });
    expect(harness.stored()).toEqual([]);
    expect(harness.admission.bytes).toBe(0);
  });

  it("an encoding that is not offered is UNIMPLEMENTED with grpc-accept-encoding", async () => {
    harness = await startHarness();
    const { headers } = await rawCall([prefixed(tracesBody(), 1)], { "grpc-encoding": "snappy" });
    expect(headers).toMatchObject({ "grpc-status": "12", "grpc-accept-encoding": "identity,gzip" });
  });

  it("grpc-message is percent-encoded", async () => {
    harness = await startHarness();
    const { headers } = await rawCall([], { ":path": "/ü%/x" });
    expect(headers["grpc-message"]).toMatch(/%25/);
    expect(String(headers["grpc-message"])).toMatch(/^[\x20-\x7e]*$/);
  });

  it("item 15: a client that resets inside a message stores nothing", async () => {
    harness = await startHarness();
    const session = connectHttp2(`http://127.0.0.1:${harness.grpc.port}`);
    const stream = session.request({
      ":method": "POST",
      ":path": EXPORT,
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    stream.write(prefixed(tracesBody(20)).subarray(0, 100));
    await expect.poll(() => harness.admission.bytes).toBe(prefixed(tracesBody(20)).length);
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => harness.admission.requests).toBe(0);
    // HTTP/2 shows a reset as the end of the stream or as its close, whichever Node sees first.
    expect(Object.keys(harness.counted)).toEqual([
      expect.stringMatching(/^refused traces grpc CF_REQUEST_(ABORTED|INVALID)$/),
    ]);
    expect(harness.stored()).toEqual([]);
    session.destroy();
  });

  it("item 13: a message that trickles in is cut off at the time-out, and nothing of it is stored", async () => {
    harness = await startHarness({ grpc: { requestTimeoutMs: 200 } });
    const session = connectHttp2(`http://127.0.0.1:${harness.grpc.port}`);
    const stream = session.request({
      ":method": "POST",
      ":path": EXPORT,
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    const bytes = prefixed(tracesBody(20));
    let sent = 0;
    const trickle = setInterval(() => stream.write(bytes.subarray(sent, ++sent)), 20);
    await new Promise((resolve) => stream.once("close", resolve));
    clearInterval(trickle);
    expect(sent).toBeLessThan(bytes.length);
    await expect.poll(() => harness.admission.requests).toBe(0);
    expect(harness.stored()).toEqual([]);
    session.destroy();
  });

  it("an HTTP/1 client is told which port it wants, and closed", async () => {
    harness = await startHarness();
    const response = await fetch(`http://127.0.0.1:${harness.grpc.port}/v1/traces`, {
      method: "POST",
      body: "x",
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/4318/);
  });

  it("item 13: a connection that never shows HTTP/2 is closed; others go on", async () => {
    harness = await startHarness({ grpc: { prefaceTimeoutMs: 100 } });
    const slow = rawConnection(harness.grpc.port);
    slow.socket.write("PRI * ");
    expect(await call(tracesBody())).toMatchObject({ code: 0 });
    expect(await slow.closed).toBe("");
  });
});
