import { describe, expect, test } from "vitest";
import {
  ANY_VALUE_DEPTH_MAX,
  CounterfoilError,
  decodeMessage,
  decodeOtlp,
  encodeMessage,
  encodeOtlp,
  scanRequest,
  type AnyValue,
  type Span,
} from "../../../schema/index.js";
import {
  attribute,
  bytesField,
  doubleBytes,
  fixed64Field,
  join,
  nestedArrays,
  nestedMaps,
  span,
  tracesRequest,
  uint64Bytes,
  varint,
  varintField,
} from "./wire.js";

function decodedSpan(...fields: readonly Uint8Array[]): Span {
  const bytes = tracesRequest(span(...fields));
  expect(scanRequest("traces", bytes).itemCount).toBe(1);
  const decoded = decodeOtlp("traces", bytes).resourceSpans[0]?.scopeSpans[0]?.spans[0];
  if (decoded === undefined) throw new Error("no span decoded");
  return decoded;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof CounterfoilError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

function expectBoth(bytes: Uint8Array, pattern: RegExp): void {
  expect(codeOf(() => decodeOtlp("traces", bytes))).toMatch(pattern);
  expect(codeOf(() => scanRequest("traces", bytes))).toMatch(pattern);
}

describe("malformed requests are refused by decoding and by scanning (catalogue 1, 3)", () => {
  const good = tracesRequest(span(bytesField(5, "name"), attribute("k", bytesField(1, "v"))));

  test("a request cut off anywhere but between fields of the top level", () => {
    for (let end = 1; end < good.length; end++) {
      expectBoth(good.subarray(0, end), /^CF_OTLP_MALFORMED: .* byte \d+/);
    }
    expect(codeOf(() => decodeOtlp("traces", good))).toBe("accepted");
  });

  test("a varint of 11 bytes, where one of 10 is read", () => {
    const ten = Uint8Array.from([...Array<number>(9).fill(0x80), 0x01]);
    const eleven = Uint8Array.from([...Array<number>(10).fill(0x80), 0x01]);
    expectBoth(tracesRequest(span(join(varint(6 * 8), ten))), /^accepted/);
    expectBoth(tracesRequest(span(join(varint(6 * 8), eleven))), /^CF_OTLP_MALFORMED.*more than 10 bytes/);
    expectBoth(tracesRequest(span(join(varint(77 * 8), eleven))), /^CF_OTLP_MALFORMED.*more than 10 bytes/);
  });

  test("a length that reaches beyond its enclosing message, though the body goes on", () => {
    const name = join(varint(5 * 8 + 2), varint(10), Buffer.from("short"));
    expectBoth(tracesRequest(span(name), span()), /^CF_OTLP_MALFORMED.*reaches beyond/);
    const huge = join(varint(5 * 8 + 2), varint(2n ** 63n));
    expectBoth(tracesRequest(span(huge)), /^CF_OTLP_MALFORMED.*reaches beyond/);
  });

  test("group wire types and reserved ones", () => {
    for (const wireType of [3, 4, 6, 7]) {
      expectBoth(tracesRequest(span(varint(20 * 8 + wireType))), /^CF_OTLP_MALFORMED.*wire type/);
      expectBoth(tracesRequest(span(varint(1 * 8 + wireType))), /^CF_OTLP_MALFORMED.*wire type/);
    }
  });

  test("field number 0, and one above 2^29-1", () => {
    expectBoth(tracesRequest(span(varintField(0, 1))), /^CF_OTLP_MALFORMED.*field number 0/);
    expectBoth(tracesRequest(span(varintField(2 ** 29, 1))), /^CF_OTLP_MALFORMED.*field number/);
    expectBoth(tracesRequest(span(varintField(2 ** 29 + 6, 1))), /^CF_OTLP_MALFORMED.*field number/);
    expectBoth(tracesRequest(span(varintField(2 ** 29 - 1, 1))), /^accepted/);
  });
});

describe("nesting (catalogue 4)", () => {
  test.each([
    ["arrays", nestedArrays],
    ["maps", nestedMaps],
  ])(
    "%s are accepted at the limit and refused one deeper, and 10,000 deep without a stack overflow",
    (_, nest) => {
      const at = (depth: number): Uint8Array => tracesRequest(span(attribute("k", nest(depth))));
      expectBoth(at(ANY_VALUE_DEPTH_MAX), /^accepted/);
      expectBoth(at(ANY_VALUE_DEPTH_MAX + 1), /^CF_OTLP_TOO_DEEP/);
      expectBoth(at(10_000), /^CF_OTLP_TOO_DEEP/);
    },
  );

  test("the limit also holds in log bodies, resources and a single message", () => {
    const deep = nestedMaps(ANY_VALUE_DEPTH_MAX + 1);
    const log = bytesField(1, bytesField(2, bytesField(2, bytesField(5, deep))));
    expect(codeOf(() => decodeOtlp("logs", log))).toMatch(/^CF_OTLP_TOO_DEEP/);
    expect(codeOf(() => scanRequest("logs", log))).toMatch(/^CF_OTLP_TOO_DEEP/);
    const resource = bytesField(1, bytesField(1, bytesField(1, bytesField(2, deep))));
    expectBoth(resource, /^CF_OTLP_TOO_DEEP/);
    expect(codeOf(() => decodeMessage("AnyValue", deep))).toMatch(/^CF_OTLP_TOO_DEEP/);
    expect(codeOf(() => decodeMessage("AnyValue", nestedMaps(ANY_VALUE_DEPTH_MAX)))).toBe("accepted");
  });

  test("many arrays beside each other are no nesting", () => {
    const beside = Array.from({ length: ANY_VALUE_DEPTH_MAX * 2 }, () => bytesField(1, nestedArrays(2)));
    expectBoth(tracesRequest(span(attribute("k", bytesField(5, ...beside)))), /^accepted/);
  });

  test("scanning takes a limit of its own, and encoding keeps the same limit", () => {
    const bytes = tracesRequest(span(attribute("k", nestedArrays(3))));
    expect(codeOf(() => scanRequest("traces", bytes, { depthMax: 2 }))).toMatch(/^CF_OTLP_TOO_DEEP/);
    expect(codeOf(() => scanRequest("traces", bytes, { depthMax: 3 }))).toBe("accepted");
    let value: AnyValue = {};
    for (let depth = 0; depth < 10_000; depth++) value = { arrayValue: { values: [value] } };
    expect(codeOf(() => encodeMessage("AnyValue", value))).toMatch(/^CF_OTLP_TOO_DEEP/);
  });
});

describe("protobuf's rules", () => {
  test("unknown fields, and known ones with another wire type, are skipped (catalogue 5)", () => {
    const plain = decodedSpan(bytesField(5, "name"));
    const unknown = [
      varintField(100, 2n ** 64n - 1n),
      bytesField(3000, "new"),
      fixed64Field(17, doubleBytes(1)),
      join(varint(18 * 8 + 5), new Uint8Array(4)),
      varintField(5, 9),
      bytesField(7, "not a time"),
      varintField(9, 1),
    ];
    expect(decodedSpan(bytesField(5, "name"), ...unknown)).toEqual(plain);
  });

  test("of a scalar sent twice the last one stays", () => {
    expect(
      decodedSpan(bytesField(5, "a"), bytesField(5, "b"), varintField(6, 1), varintField(6, 2)),
    ).toMatchObject({
      name: "b",
      kind: 2,
    });
  });

  test("a singular message sent twice is merged, and one never sent is absent", () => {
    const first = bytesField(15, bytesField(2, "boom"), varintField(3, 1));
    const second = bytesField(15, varintField(3, 2));
    expect(decodedSpan(first, second).status).toEqual({ code: 2, message: "boom" });
    expect(decodedSpan(bytesField(15)).status).toEqual({ code: 0, message: "" });
    expect(decodedSpan()).not.toHaveProperty("status");
  });

  test("an attribute's value sent twice: the same kind of container is merged, another kind replaces", () => {
    const both = (a: Uint8Array, b: Uint8Array): AnyValue | undefined =>
      decodedSpan(bytesField(9, bytesField(1, "k"), bytesField(2, a), bytesField(2, b))).attributes[0]?.value;
    const list = (text: string): Uint8Array => bytesField(5, bytesField(1, bytesField(1, text)));
    expect(both(list("a"), list("b"))).toEqual({
      arrayValue: { values: [{ stringValue: "a" }, { stringValue: "b" }] },
    });
    expect(both(list("a"), varintField(3, 5))).toEqual({ intValue: 5n });
    expect(both(varintField(3, 5), list("b"))).toEqual({ arrayValue: { values: [{ stringValue: "b" }] } });
    expect(both(varintField(3, 5), new Uint8Array(0))).toEqual({ intValue: 5n });
  });

  test("of a metric's kinds of data the last one stays", () => {
    const point = bytesField(1);
    const metric = bytesField(
      2,
      bytesField(5, point, point),
      bytesField(7, point),
      bytesField(7, point, point),
    );
    const bytes = bytesField(1, bytesField(2, metric));
    const decoded = decodeOtlp("metrics", bytes).resourceMetrics[0]?.scopeMetrics[0]?.metrics[0];
    expect(decoded?.gauge).toBeUndefined();
    expect(decoded?.sum?.dataPoints).toHaveLength(3);
    expect(scanRequest("metrics", bytes).itemCount).toBe(3);
  });

  test("lists of numbers are read packed, unpacked, and both mixed", () => {
    const counts = [0n, 1n, 2n ** 64n - 1n].map(uint64Bytes);
    const bounds = [-0, 0.1, Number.POSITIVE_INFINITY].map(doubleBytes);
    const packed = [bytesField(6, ...counts), bytesField(7, ...bounds)];
    const unpacked = [...counts.map((c) => fixed64Field(6, c)), ...bounds.map((b) => fixed64Field(7, b))];
    const expected = {
      bucketCounts: [0n, 1n, 2n ** 64n - 1n],
      explicitBounds: [-0, 0.1, Number.POSITIVE_INFINITY],
    };
    expect(decodeMessage("HistogramDataPoint", join(...packed))).toMatchObject(expected);
    expect(decodeMessage("HistogramDataPoint", join(...unpacked))).toMatchObject(expected);
    const mixed = join(fixed64Field(6, uint64Bytes(0n)), bytesField(6, ...counts.slice(1)));
    expect(decodeMessage("HistogramDataPoint", mixed).bucketCounts).toEqual(expected.bucketCounts);
    const buckets = join(bytesField(2, varint(1), varint(300)), varintField(2, 2n ** 64n - 1n));
    expect(decodeMessage("ExponentialBuckets", buckets).bucketCounts).toEqual([1n, 300n, 2n ** 64n - 1n]);
    expect(codeOf(() => decodeMessage("HistogramDataPoint", bytesField(6, new Uint8Array(7))))).toMatch(
      /^CF_OTLP/,
    );
  });
});

describe("values stay exact (catalogue 31, 32, 34)", () => {
  const roundTrip = (value: AnyValue): AnyValue =>
    decodeMessage("AnyValue", encodeMessage("AnyValue", value));

  test.each([0n, 1n, -1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)])(
    "int64 %s",
    (intValue) => {
      expect(roundTrip({ intValue })).toEqual({ intValue });
    },
  );

  test.each([
    -0,
    0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    5e-324,
    1.7976931348623157e308,
  ])("double %s", (doubleValue) => {
    const back = roundTrip({ doubleValue }).doubleValue;
    expect(Object.is(back, doubleValue)).toBe(true);
  });

  test("times of all 64 bits, and -0 in a field without presence", () => {
    const data = decodedSpan(fixed64Field(7, uint64Bytes(2n ** 64n - 1n)), fixed64Field(8, uint64Bytes(1n)));
    expect(data).toMatchObject({ startTimeUnixNano: 2n ** 64n - 1n, endTimeUnixNano: 1n });
    const point = decodeMessage("SummaryDataPoint", fixed64Field(5, doubleBytes(-0)));
    expect(
      Object.is(decodeMessage("SummaryDataPoint", encodeMessage("SummaryDataPoint", point)).sum, -0),
    ).toBe(true);
  });

  test("hostile, empty, duplicate and look-alike keys stay apart, in order", () => {
    const keys = [
      "__proto__",
      "constructor",
      "hasOwnProperty",
      "",
      "a",
      "a",
      "A",
      "é",
      "e\u0301",
      "k".repeat(65_536),
    ];
    const decoded = decodedSpan(...keys.map((key) => attribute(key, bytesField(1, `value of ${key}`))));
    expect(decoded.attributes.map(({ key }) => key)).toEqual(keys);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    const request = { resourceSpans: [{ scopeSpans: [{ spans: [decoded], schemaUrl: "" }], schemaUrl: "" }] };
    expect(decodeOtlp("traces", encodeOtlp("traces", request))).toEqual(request);
  });

  test("NUL, right-to-left, emoji and a megabyte line are kept; invalid UTF-8 becomes U+FFFD", () => {
    const text = `\u0000 \u202e ${"😀".repeat(3)} ${"x".repeat(1_000_000)} \ufeff`;
    expect(decodedSpan(attribute("k", bytesField(1, text))).attributes[0]?.value).toEqual({
      stringValue: text,
    });
    const invalid = Uint8Array.from([0x61, 0xff, 0xc3, 0x62]);
    expect(decodedSpan(bytesField(5, invalid)).name).toBe("a\ufffd\ufffdb");
    expect(roundTrip({ stringValue: "a\ud800b" })).toEqual({ stringValue: "a\ufffdb" });
  });

  test("a kept bytes value does not share memory with the request", () => {
    const bytes = bytesField(7, Uint8Array.from([1, 2, 3]));
    const value = decodeMessage("AnyValue", bytes).bytesValue;
    bytes.fill(0);
    expect(value).toEqual(Uint8Array.from([1, 2, 3]));
  });

  test("an id that is not hex is refused when encoding", () => {
    const traceId = "zz";
    const spans = [{ ...decodedSpan(), traceId }];
    const request = { resourceSpans: [{ scopeSpans: [{ spans, schemaUrl: "" }], schemaUrl: "" }] };
    expect(codeOf(() => encodeOtlp("traces", request))).toMatch(/^CF_OTLP_MALFORMED.*hexadecimal/);
  });
});

test("mixed types under one key, nested maps and bytes in arrays decode as they are (catalogue 33)", () => {
  const values: AnyValue[] = [
    { intValue: 1n },
    { stringValue: "1" },
    { arrayValue: { values: [{ boolValue: true }, {}, { bytesValue: Uint8Array.of(0, 255) }] } },
    { kvlistValue: { values: [{ key: "k", value: { kvlistValue: { values: [{ key: "" }] } } }] } },
  ];
  const fields = values.map((value) => attribute("same", encodeMessage("AnyValue", value)));
  expect(decodedSpan(...fields).attributes).toEqual(values.map((value) => ({ key: "same", value })));
});
