import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  decodeExportResponse,
  decodeOtlp,
  decodeStatus,
  encodeOtlp,
  encodeOtlpJson,
  type AnyValue,
} from "../../schema/index.js";
import { makeSpan, makeTraces, post, startHarness, tracesBody, type Harness } from "./harness.js";

let harness: Harness;
afterEach(() => harness.close());

const bytesOf = async (response: Response): Promise<Uint8Array> =>
  new Uint8Array(await response.arrayBuffer());

/** Expects a google.rpc.Status in protobuf and nothing stored. */
async function expectRefused(response: Response, status: number, message: RegExp): Promise<void> {
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/x-protobuf");
  expect(decodeStatus(await bytesOf(response), "protobuf").message).toMatch(message);
  expect(harness.stored()).toEqual([]);
}

describe("what is accepted", () => {
  it("I1: stores a protobuf body byte for byte before it answers 200 in the same type", async () => {
    harness = await startHarness();
    const body = tracesBody(3);
    const response = await post(harness, body);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/x-protobuf");
    expect(await bytesOf(response)).toEqual(new Uint8Array(0));
    const [record] = harness.stored();
    expect(record).toMatchObject({ seq: 1, signal: "traces", encoding: "identity", itemCount: 3 });
    expect(Buffer.from(record?.payload ?? []).equals(body)).toBe(true);
    expect(harness.counted).toEqual({ "accepted traces http": 3 });
    expect(harness.admission.bytes).toBe(0);
  });

  it("I1: no answer comes while the journal has not said that the bytes are on disk", async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    harness = await startHarness({
      wrap: (journal) => ({
        append: async (entry) => {
          const seq = await journal.append(entry);
          await gate;
          return seq;
        },
      }),
    });
    let answered = false;
    const response = post(harness, tracesBody()).then((value) => {
      answered = true;
      return value;
    });
    await expect.poll(() => harness.journal.tail().seq).toBe(1);
    expect(answered).toBe(false);
    release();
    expect((await response).status).toBe(200);
  });

  it.each(["traces", "logs", "metrics"] as const)(
    "item 6: an empty %s request is a success and leaves no record",
    async (signal) => {
      harness = await startHarness();
      const response = await post(harness, new Uint8Array(0), {}, signal);
      expect(response.status).toBe(200);
      expect((await post(harness, "{}", { "content-type": "application/json" }, signal)).status).toBe(200);
      expect(harness.stored()).toEqual([]);
    },
  );

  it("item 6: zero spans inside a resource are a success without a record", async () => {
    harness = await startHarness();
    expect((await post(harness, encodeOtlp("traces", makeTraces([])))).status).toBe(200);
    expect(harness.stored()).toEqual([]);
  });

  it("item 5: unknown fields are accepted and kept as they came", async () => {
    harness = await startHarness();
    const unknown = Buffer.from([0xfa, 0x3f, 0x03, 0x61, 0x62, 0x63]);
    const body = Buffer.concat([tracesBody(), unknown]);
    expect((await post(harness, body)).status).toBe(200);
    expect(Buffer.from(harness.stored()[0]?.payload ?? []).equals(body)).toBe(true);
  });

  it("item 7: application/json with a charset is converted and answered as JSON", async () => {
    harness = await startHarness();
    const data = makeTraces([makeSpan(1, { attributes: [{ key: "n", value: { intValue: 2n ** 62n } }] })]);
    const response = await post(harness, encodeOtlpJson("traces", data), {
      "content-type": "application/json; charset=utf-8",
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({});
    const [record] = harness.stored();
    expect(record?.encoding).toBe("identity");
    expect(decodeOtlp("traces", record?.payload ?? new Uint8Array(0))).toEqual(data);
  });

  it("item 20: JSON as clients really write it gives the same spans as protobuf", async () => {
    harness = await startHarness();
    const json = `\ufeff{"resourceSpans":[{"scopeSpans":[{"unknown":1,"spans":[{
      "traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"0000000000000001","name":"span 1","kind":1,
      "startTimeUnixNano":1700000000000000000,"endTimeUnixNano":"1700000000000000001",
      "attributes":[{"key":"d","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"AQI="}},
        {"key":"__proto__","value":{"intValue":"9007199254740993"}}]}]}]}]}`;
    expect((await post(harness, json, { "content-type": "application/json" })).status).toBe(200);
    const attributes: { key: string; value: AnyValue }[] = [
      { key: "d", value: { doubleValue: Number.NaN } },
      { key: "b", value: { bytesValue: new Uint8Array([1, 2]) } },
      { key: "__proto__", value: { intValue: 9007199254740993n } },
    ];
    const stored = decodeOtlp("traces", harness.stored()[0]?.payload ?? new Uint8Array(0));
    const expected = encodeOtlp("traces", makeTraces([makeSpan(1, { attributes })]));
    expect(Buffer.from(encodeOtlp("traces", stored)).equals(expected)).toBe(true);
  });

  it("stores whatever request it accepts so that it decodes to what was sent", async () => {
    harness = await startHarness();
    const spans = fc.array(fc.record({ id: fc.integer({ min: 1 }), name: fc.string() }), {
      minLength: 1,
      maxLength: 5,
    });
    const form = fc.constantFrom("identity", "gzip", "deflate", "json");
    await fc.assert(
      fc.asyncProperty(spans, form, async (made, how) => {
        const data = makeTraces(made.map(({ id, name }) => makeSpan(id, { name })));
        const before = harness.stored().length;
        const wire = encodeOtlp("traces", data);
        const body = {
          identity: wire,
          gzip: gzipSync(wire),
          deflate: deflateSync(wire),
          json: encodeOtlpJson("traces", data),
        };
        const headers: Record<string, string> =
          how === "json" ? { "content-type": "application/json" } : { "content-encoding": how };
        expect((await post(harness, body[how], headers)).status).toBe(200);
        const record = harness.stored()[before];
        const payload = record?.payload ?? new Uint8Array(0);
        const plain = {
          gzip: gunzipSync,
          deflate: inflateSync,
          identity: (bytes: Uint8Array) => bytes,
          zstd: undefined,
        };
        expect(record?.encoding).toBe(how === "json" ? "identity" : how);
        expect(decodeOtlp("traces", plain[record?.encoding ?? "zstd"]?.(payload) ?? payload)).toEqual(data);
        expect(record?.itemCount).toBe(made.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe("what is refused", () => {
  it("item 1: a truncated protobuf is 400 with a Status, stores nothing and is counted", async () => {
    harness = await startHarness();
    const body = tracesBody();
    await expectRefused(await post(harness, body.subarray(0, body.length - 3)), 400, /./);
    expect(harness.counted).toEqual({ "refused traces http CF_OTLP_MALFORMED": 0 });
  });

  it("item 2: random bytes are 400 or accepted, and never anything else", async () => {
    harness = await startHarness();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        const response = await post(harness, bytes);
        await response.arrayBuffer();
        expect([200, 400]).toContain(response.status);
      }),
      { numRuns: 300 },
    );
    expect(harness.errors).toEqual([]);
    expect(harness.admission.bytes).toBe(0);
  });

  it.each([
    ["a varint of eleven bytes", [0x08, ...Array.from({ length: 10 }, () => 0xff), 0x01]],
    ["a length beyond the buffer", [0x0a, 0x7f]],
    ["group wire type 3", [0x0b]],
    ["group wire type 4", [0x0c]],
    ["field number 0", [0x02, 0x00]],
  ])("item 3: %s is 400", async (_name, bytes) => {
    harness = await startHarness();
    await expectRefused(await post(harness, new Uint8Array(bytes)), 400, /./);
  });

  it("item 4: values nested 10,000 deep are 400 in protobuf and in JSON, without a stack overflow", async () => {
    harness = await startHarness({ http: { bodyBytesMax: 10 * 1024 * 1024 } });
    let wire: Buffer = Buffer.alloc(0);
    const wrap = (tag: number, inside: Buffer): Buffer => {
      const length: number[] = [];
      for (let rest = inside.length; ; rest >>>= 7) {
        length.push(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest <= 127) break;
      }
      return Buffer.concat([Buffer.from([tag, ...length]), inside]);
    };
    for (let depth = 0; depth < 10_000; depth++) wire = wrap(0x2a, wrap(0x0a, wire));
    const attribute = wrap(0x4a, Buffer.concat([Buffer.from([0x0a, 1, 0x6b]), wrap(0x12, wire)]));
    const ids = Buffer.concat([wrap(0x0a, Buffer.alloc(16, 1)), wrap(0x12, Buffer.alloc(8, 1))]);
    const request = wrap(0x0a, wrap(0x12, wrap(0x12, Buffer.concat([ids, attribute]))));
    await expectRefused(await post(harness, request), 400, /deep/i);
    const value = `${'{"arrayValue":{"values":['.repeat(10_000)}${"]}}".repeat(10_000)}`;
    const span = `{"traceId":"${"01".repeat(16)}","spanId":"${"01".repeat(8)}","attributes":[{"key":"k","value":${value}}]}`;
    const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`;
    const response = await post(harness, json, { "content-type": "application/json" });
    expect(response.status).toBe(400);
    expect(decodeStatus(await bytesOf(response), "json").message).toMatch(/deep/i);
  });

  it.each([
    ["text/plain", "text/plain"],
    ["a charset that is not UTF-8", "application/json; charset=latin1"],
  ])("item 7: %s is 415 in plain text", async (_name, type) => {
    harness = await startHarness();
    const response = await post(harness, tracesBody(), { "content-type": type });
    expect(response.status).toBe(415);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(await response.text()).toMatch(/application\/x-protobuf/);
  });

  it.each(["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])(
    "item 8: %s on a known path is 405 with Allow",
    async (method) => {
      harness = await startHarness();
      const response = await fetch(`${harness.url}/v1/traces`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("POST");
    },
  );

  it("item 8: an unknown path is 404", async () => {
    harness = await startHarness();
    expect((await fetch(`${harness.url}/v1/trace`, { method: "POST", body: "x" })).status).toBe(404);
  });

  it.each(["br", "snappy", "gzip, gzip", "unknown"])(
    "item 12: Content-Encoding %s is 415",
    async (encoding) => {
      harness = await startHarness();
      const response = await post(harness, tracesBody(), { "content-encoding": encoding });
      expect(response.status).toBe(415);
      expect(response.headers.get("accept-encoding")).toBe("gzip, deflate, zstd");
      expect(harness.stored()).toEqual([]);
    },
  );

  it("item 23: bad spans are cut out and reported, the good ones stored", async () => {
    harness = await startHarness();
    const spans = [makeSpan(1), makeSpan(2, { spanId: "0102" }), makeSpan(3, { traceId: "00".repeat(16) })];
    const response = await post(harness, encodeOtlp("traces", makeTraces(spans)));
    expect(response.status).toBe(200);
    const partial = decodeExportResponse("traces", await bytesOf(response), "protobuf");
    expect(partial.rejected).toBe(2);
    expect(partial.message).toMatch(/id/);
    const [record] = harness.stored();
    expect(record?.itemCount).toBe(1);
    expect(decodeOtlp("traces", record?.payload ?? new Uint8Array(0))).toEqual(makeTraces([makeSpan(1)]));
    expect(harness.counted).toEqual({
      "accepted traces http": 1,
      "refused traces http CF_REQUEST_INVALID": 2,
    });
  });

  it("item 23: a compressed request with bad spans is stored cut and uncompressed", async () => {
    harness = await startHarness();
    const body = gzipSync(encodeOtlp("traces", makeTraces([makeSpan(1), makeSpan(2, { spanId: "" })])));
    expect((await post(harness, body, { "content-encoding": "gzip" })).status).toBe(200);
    const [record] = harness.stored();
    expect(record).toMatchObject({ encoding: "identity", itemCount: 1 });
  });

  it("a request whose every span lacks ids is 400, as are logs sent to the traces path", async () => {
    harness = await startHarness();
    await expectRefused(await post(harness, tracesBody(2, { traceId: "" })), 400, /id/);
  });

  it("item 24: a gRPC message on the HTTP port is told so", async () => {
    harness = await startHarness();
    const response = await post(harness, tracesBody(), { "content-type": "application/grpc" });
    expect(response.status).toBe(415);
  });
});

describe("compression", () => {
  const body = tracesBody(20);

  it("a gzip body is stored as it came", async () => {
    harness = await startHarness();
    const sent = gzipSync(body);
    expect((await post(harness, sent, { "content-encoding": "gzip" })).status).toBe(200);
    const [record] = harness.stored();
    expect(record).toMatchObject({ encoding: "gzip", itemCount: 20 });
    expect(Buffer.from(record?.payload ?? []).equals(sent)).toBe(true);
    expect(harness.admission.bytes).toBe(0);
  });

  it("deflate is taken with and without the zlib wrapper", async () => {
    harness = await startHarness();
    for (const sent of [deflateSync(body), deflateRawSync(body)]) {
      expect((await post(harness, sent, { "content-encoding": "deflate" })).status).toBe(200);
    }
    expect(harness.stored().map(({ itemCount }) => itemCount)).toEqual([20, 20]);
    expect(harness.stored().map(({ encoding }) => encoding)).toEqual(["deflate", "identity"]);
  });

  it("gzip of OTLP/JSON is taken", async () => {
    harness = await startHarness();
    const sent = gzipSync(encodeOtlpJson("traces", decodeOtlp("traces", body)));
    const headers = { "content-encoding": "gzip", "content-type": "application/json" };
    expect((await post(harness, sent, headers)).status).toBe(200);
    expect(Buffer.from(harness.stored()[0]?.payload ?? []).equals(body)).toBe(true);
  });

  it.each([
    ["truncated", gzipSync(body).subarray(0, 60)],
    ["with a wrong checksum", corrupt(gzipSync(body), -8)],
    ["with a wrong size", corrupt(gzipSync(body), -4)],
    ["of two members", Buffer.concat([gzipSync(body), gzipSync(body)])],
    ["with bytes after its end", Buffer.concat([gzipSync(body), Buffer.from("xyz")])],
    ["that is no gzip", Buffer.from(body)],
    ["compressed twice", gzipSync(gzipSync(body))],
  ])("item 11: gzip %s is 400", async (_name, sent) => {
    harness = await startHarness();
    await expectRefused(await post(harness, sent, { "content-encoding": "gzip" }), 400, /./);
  });

  it("item 10: a gzip bomb is 413 after the limit, not after the whole of it", async () => {
    harness = await startHarness();
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(250_000);
    const before = process.memoryUsage().rss;
    await expectRefused(
      await post(harness, bomb, { "content-encoding": "gzip" }),
      413,
      /after decompression/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    expect(harness.admission.bytes).toBe(0);
  });
});

function corrupt(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = copy.length + at;
  copy[index] = (copy[index] ?? 0) ^ 0xff;
  return copy;
}
