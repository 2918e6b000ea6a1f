import { describe, expect, test } from "vitest";
import {
  ANY_VALUE_DEPTH_MAX,
  CounterfoilError,
  decodeMessageJson,
  decodeOtlpJson,
  encodeMessageJson,
  encodeOtlpJson,
  ENUMS,
  parseJson,
  scanRequest,
  encodeOtlp,
  type AnyValue,
  type Span,
} from "../../../schema/index.js";

const TRACE_ID = "0123456789abcdef0123456789abcdef";
const SPAN_ID = "0123456789abcdef";

function spanText(members: string): string {
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${TRACE_ID}","spanId":"${SPAN_ID}"${members}}]}]}]}`;
}

function spanOf(members: string): Span {
  const span = decodeOtlpJson("traces", spanText(members)).resourceSpans[0]?.scopeSpans[0]?.spans[0];
  if (span === undefined) throw new Error("no span decoded");
  return span;
}

function valueOf(json: string): AnyValue {
  return decodeMessageJson("AnyValue", json);
}

function fault(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof CounterfoilError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("what OTLP/JSON accepts (catalogue 20)", () => {
  test.each([
    ["hex in any case", "0123456789ABCDEF0123456789abCDef", TRACE_ID],
    ["base64 of 16 bytes", Buffer.from(TRACE_ID, "hex").toString("base64"), TRACE_ID],
    ["the empty id", "", ""],
    ["24 hex digits, which are hex and not base64", "abcdefabcdefabcdefabcdef", "abcdefabcdefabcdefabcdef"],
  ])("a trace id as %s", (_, given, expected) => {
    expect(decodeMessageJson("Span", `{"traceId":"${given}"}`).traceId).toBe(expected);
  });

  test("a span id as base64 of 8 bytes, also url-safe", () => {
    const bytes = Uint8Array.from([0xfb, 0xff, 0xfe, 4, 5, 6, 7, 8]);
    const base64 = Buffer.from(bytes).toString("base64");
    for (const text of [base64, base64.replaceAll("+", "-").replaceAll("/", "_")]) {
      expect(decodeMessageJson("Span", JSON.stringify({ spanId: text })).spanId).toBe("fbfffe0405060708");
    }
  });

  test.each(["abc", "xyz0", "0x12", `${SPAN_ID} `, "AAAAAAAAAAA"])(
    "the id %j is refused, naming the member",
    (id) => {
      const text = spanText("").replace(`"spanId":"${SPAN_ID}"`, `"spanId":"${id}"`);
      expect(fault(() => decodeOtlpJson("traces", text))).toMatch(
        /^CF_OTLP_MALFORMED.*resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.spanId must be an id in hexadecimal/,
      );
    },
  );

  test.each([
    ['"1700000000000000001"', 1_700_000_000_000_000_001n],
    ["1700000000000000001", 1_700_000_000_000_000_001n],
    ["18446744073709551615", 2n ** 64n - 1n],
    ["1700000000", 1_700_000_000n],
    ['"1.7e9"', 1_700_000_000n],
    ["1.5e3", 1_500n],
    ["0", 0n],
  ])("64-bit integers as strings or bare numbers, exact: %s", (text, expected) => {
    expect(spanOf(`,"startTimeUnixNano":${text}`).startTimeUnixNano).toBe(expected);
  });

  test("int64 extremes and negative bare numbers stay exact", () => {
    for (const value of [-(2n ** 63n), 2n ** 63n - 1n, -(2n ** 53n) - 1n]) {
      expect(valueOf(`{"intValue":${value}}`)).toEqual({ intValue: value });
      expect(valueOf(`{"intValue": "${value}"}`)).toEqual({ intValue: value });
      expect(JSON.parse(encodeMessageJson("AnyValue", { intValue: value }))).toEqual({
        intValue: String(value),
      });
    }
  });

  test.each([
    ["1.5", 1.5],
    ["-0", -0],
    ['"NaN"', Number.NaN],
    ['"Infinity"', Number.POSITIVE_INFINITY],
    ['"-Infinity"', Number.NEGATIVE_INFINITY],
    ['"2.5e-3"', 0.0025],
    ["5e-324", 5e-324],
    ["1234567890123456789", 1_234_567_890_123_456_800],
    ["0.12345678901234567890", 0.123_456_789_012_345_68],
    ["1234567890123456789.5", 1_234_567_890_123_456_800],
    ["1234567890123456789e1", 12_345_678_901_234_567_000],
    ["1e-0000000000000000016", 1e-16],
  ])("doubles as numbers, numeric strings or names: %s", (text, expected) => {
    expect(Object.is(valueOf(`{"doubleValue":${text}}`).doubleValue, expected)).toBe(true);
  });

  test("digits inside strings are left alone, whatever quotes and backslashes are around them", () => {
    const texts = [
      "12345678901234567890",
      '\\"12345678901234567890',
      "\\\\",
      ',12345678901234567890,"',
      "\\",
    ];
    const document = { texts, "key 12345678901234567890": 1 };
    expect(parseJson(`{"n":12345678901234567890,"d":${JSON.stringify(document)}}`)).toEqual({
      n: "12345678901234567890",
      d: document,
    });
    expect(fault(() => parseJson('[1234567890123456, "unterminated 12345678901234567890'))).toMatch(
      /^CF_OTLP/,
    );
    expect(fault(() => parseJson("[0000000000000000123]"))).toMatch(/^CF_OTLP/);
  });

  test.each([
    ['"spanId":1234567890123456', "spanId must be an id in hexadecimal digits, got a number"],
    [
      '"traceId":12345678901234567890123456789012',
      "traceId must be an id in hexadecimal digits, got a number",
    ],
    ['"name":1234567890123456789', "name must be a string, got a number"],
    [
      '"attributes":[{"value":{"stringValue":1234567890123456}}]',
      "stringValue must be a string, got a number",
    ],
    [
      '"attributes":[{"value":{"bytesValue":1234567890123456}}]',
      "bytesValue must be base64 text, got a number",
    ],
    [
      '"attributes":[{"value":{"intValue":9223372036854775808}}]',
      "intValue must be a 64-bit integer, got a number",
    ],
    ['"startTimeUnixNano":18446744073709551616', "startTimeUnixNano must be .*, got a number"],
    ['"attributes":12345678901234567', "attributes must be a list .*, got a number"],
    ['"attributes":[{"value":{"doubleValue":1e400}}]', "doubleValue must be a number"],
    ['"attributes":[{"value":{"doubleValue":"-1e400"}}]', "doubleValue must be a number"],
  ])("a bare number is no text and no id, however long, and no infinity: %s", (members, message) => {
    expect(fault(() => decodeMessageJson("Span", `{${members}}`))).toMatch(
      new RegExp(`^CF_OTLP_MALFORMED: .*${message}`),
    );
  });

  test("a bare number is no key either, and a fault is placed in the text as it was sent", () => {
    expect(fault(() => parseJson('{12345678901234567: 1, "a": 2}'))).toMatch(/near character 1\)/);
    const text = `{"a":[${Array<string>(50).fill("12345678901234567").join(",")}],"b":1 "c":2}`;
    expect(fault(() => parseJson(text))).toContain(`near character ${text.indexOf('"c"')})`);
    expect(fault(() => parseJson('{"a":x}'))).toContain("(a character that JSON does not have there)");
    expect(fault(() => parseJson('{"a":'))).toContain("(it is cut off)");
  });

  test("enums as numbers or names, unknown numbers kept, unknown names refused", () => {
    expect(spanOf(',"kind":3').kind).toBe(3);
    expect(spanOf(',"kind":"SPAN_KIND_CLIENT"').kind).toBe(3);
    expect(spanOf(',"kind":77').kind).toBe(77);
    expect(spanOf(',"status":{"code":"STATUS_CODE_ERROR","message":"m"}').status).toEqual({
      code: 2,
      message: "m",
    });
    expect(decodeMessageJson("LogRecord", '{"severityNumber":"SEVERITY_NUMBER_FATAL4"}').severityNumber).toBe(
      24,
    );
    expect(ENUMS.SeverityNumber[9]).toBe("SEVERITY_NUMBER_INFO");
    expect(fault(() => spanOf(',"kind":"CLIENT"'))).toMatch(
      /spans\[0\]\.kind must be an enum's number or name/,
    );
  });

  test("bytes in standard and url-safe base64, padded or not", () => {
    const expected = { bytesValue: Uint8Array.from([0xfb, 0xff, 0xfe, 1]) };
    for (const text of ["+//+AQ==", "-__-AQ==", "+//+AQ", "-__-AQ"]) {
      expect(valueOf(JSON.stringify({ bytesValue: text }))).toEqual(expected);
    }
    expect(valueOf('{"bytesValue":""}')).toEqual({ bytesValue: new Uint8Array(0) });
    for (const text of ["not base64!", "AAAAA", "A"]) {
      expect(fault(() => valueOf(JSON.stringify({ bytesValue: text })))).toMatch(/bytesValue must be base64/);
    }
  });

  test("null and unknown members, snake_case ones included, are ignored; of duplicates the last one stays", () => {
    const members =
      ',"name":null,"status":null,"attributes":null,"start_time_unix_nano":"5","x":{"y":[{}]},"kind":1,"kind":2';
    expect(spanOf(members)).toEqual({ ...spanOf(""), kind: 2 });
    expect(valueOf('{"arrayValue":{"values":[null,{}]},"stringValue":null}')).toEqual({
      arrayValue: { values: [{}, {}] },
    });
  });

  test("a byte order mark is dropped, invalid UTF-8 is refused, a lone surrogate becomes U+FFFD", () => {
    const text = spanText(',"name":"\\ud800x\\ud83d\\ude00"');
    const expected = decodeOtlpJson("traces", text);
    expect(expected.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.name).toBe("\ufffdx😀");
    expect(decodeOtlpJson("traces", `\ufeff${text}`)).toEqual(expected);
    expect(decodeOtlpJson("traces", Buffer.from(`\ufeff${text}`))).toEqual(expected);
    expect(fault(() => decodeOtlpJson("traces", Uint8Array.from([0x7b, 0xff, 0x7d])))).toMatch(
      /not valid UTF-8/,
    );
  });

  test("keys such as __proto__ stay data (catalogue 31)", () => {
    const span = spanOf(
      ',"__proto__":{"name":"polluted"},"attributes":[{"key":"__proto__","value":{"stringValue":"v"}}]',
    );
    expect(span.name).toBe("");
    expect(span.attributes).toEqual([{ key: "__proto__", value: { stringValue: "v" } }]);
    expect(({} as Record<string, unknown>)["name"]).toBeUndefined();
  });

  test("converted to protobuf, the request scans as good", () => {
    const bytes = encodeOtlp("traces", decodeOtlpJson("traces", spanText(',"parentSpanId":""')));
    expect(scanRequest("traces", bytes)).toMatchObject({ itemCount: 1, rejected: 0 });
  });
});

describe("what it refuses, and how it says so", () => {
  const at = "resourceSpans\\[0\\]\\.scopeSpans\\[0\\]\\.spans\\[0\\]";
  test.each([
    [
      '"startTimeUnixNano":"soon"',
      `${at}\\.startTimeUnixNano must be an unsigned 64-bit integer.*, got a string`,
    ],
    ['"startTimeUnixNano":-1', `${at}\\.startTimeUnixNano must be`],
    ['"startTimeUnixNano":"18446744073709551616"', `${at}\\.startTimeUnixNano must be`],
    ['"endTimeUnixNano":1.5', `${at}\\.endTimeUnixNano must be`],
    ['"name":{}', `${at}\\.name must be a string, got an object`],
    ['"flags":4294967296', `${at}\\.flags must be an unsigned 32-bit integer`],
    ['"attributes":{"a":"b"}', `${at}\\.attributes must be a list of {"key": .*got an object`],
    ['"attributes":[["a","b"]]', `${at}\\.attributes\\[0\\] must be an object, got a list`],
    ['"attributes":[null]', `${at}\\.attributes\\[0\\] must be an object, got null`],
    [
      '"attributes":[{"key":"k","value":"bare"}]',
      `${at}\\.attributes\\[0\\]\\.value must be an object, got a string`,
    ],
    [
      '"attributes":[{"value":{"boolValue":"true"}}]',
      `${at}\\.attributes\\[0\\]\\.value\\.boolValue must be true or`,
    ],
    ['"attributes":[{"value":{"stringValue":"a","intValue":1}}]', "both stringValue and intValue are set at"],
    ['"events":"none"', `${at}\\.events must be a list, got a string`],
    ['"status":[]', `${at}\\.status must be an object`],
  ])("%s", (members, message) => {
    expect(fault(() => spanOf(`,${members}`))).toMatch(new RegExp(`^CF_OTLP_MALFORMED: .*${message}`));
  });

  test.each(["", "[]", "1", "null", '"text"', "{", '{"resourceSpans":'])("the body %j", (text) => {
    expect(fault(() => decodeOtlpJson("traces", text))).toMatch(/^CF_OTLP_MALFORMED.*the body/);
  });

  test("data of another signal, which would be lost as an unknown member", () => {
    expect(() => decodeOtlpJson("traces", '{"resourceLogs":[{}]}')).toThrow(/resourceLogs.*path of traces/);
    expect(decodeOtlpJson("traces", '{"resourceLogs":[]}')).toEqual({ resourceSpans: [] });
    expect(decodeOtlpJson("traces", '{"resourceSpans":[],"resourceLogs":[{}]}')).toEqual({
      resourceSpans: [],
    });
  });

  test("a fault in the text never quotes the content", () => {
    const secret = "sk-very-secret";
    const texts = [`{"a":"${secret}" "b"}`, `{"resourceSpans":"${secret}"}`, spanText(`,"kind":"${secret}"`)];
    for (const text of texts) {
      const message = fault(() => decodeOtlpJson("traces", text));
      expect(message).toMatch(/^CF_OTLP_MALFORMED/);
      expect(message).not.toContain(secret);
    }
  });

  test.each([
    ["arrays", '{"arrayValue":{"values":[', "]}}"],
    ["maps", '{"kvlistValue":{"values":[{"key":"k","value":', "}]}}"],
  ])("%s nested deeper than the limit, without a stack overflow (catalogue 4)", (_, open, close) => {
    const nest = (depth: number): string => `${open.repeat(depth)}{}${close.repeat(depth)}`;
    expect(fault(() => valueOf(nest(ANY_VALUE_DEPTH_MAX)))).toBe("accepted");
    expect(fault(() => valueOf(nest(ANY_VALUE_DEPTH_MAX + 1)))).toMatch(/^CF_OTLP_TOO_DEEP/);
    expect(fault(() => valueOf(nest(10_000)))).toMatch(/^CF_OTLP_TOO_DEEP/);
    expect(fault(() => decodeOtlpJson("traces", `{"unknown":${nest(10_000)}}`))).toBe("accepted");
  });
});

test("many values beside each other are no nesting", () => {
  const list = `{"arrayValue":{"values":[${"{},".repeat(3)}{}]}}`;
  const text = `{"arrayValue":{"values":[${Array<string>(ANY_VALUE_DEPTH_MAX * 2)
    .fill(list)
    .join(",")}]}}`;
  expect(valueOf(text).arrayValue?.values).toHaveLength(ANY_VALUE_DEPTH_MAX * 2);
});

test("the encoder writes exactly the OTLP/JSON form", () => {
  const data = decodeOtlpJson(
    "traces",
    spanText(`
    ,"parentSpanId":"${SPAN_ID}","flags":257,"name":"a \\u2028\\"","kind":"SPAN_KIND_SERVER","startTimeUnixNano":5,
    "status":{},"attributes":[{"key":"i","value":{"intValue":7}},{"key":"d","value":{"doubleValue":-0}},
    {"key":"n","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"-_8"}},{"key":"f","value":{"boolValue":false}},
    {"key":"e","value":{}},{"key":"none"},{"key":"l","value":{"arrayValue":{}}},{"key":"s","value":{"stringValue":""}}]`),
  );
  expect(encodeOtlpJson("traces", data)).toBe(
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${TRACE_ID}","spanId":"${SPAN_ID}",` +
      `"parentSpanId":"${SPAN_ID}","name":"a \u2028\\"","kind":2,"startTimeUnixNano":"5","attributes":[` +
      `{"key":"i","value":{"intValue":"7"}},{"key":"d","value":{"doubleValue":-0}},` +
      `{"key":"n","value":{"doubleValue":"NaN"}},{"key":"b","value":{"bytesValue":"+/8="}},` +
      `{"key":"f","value":{"boolValue":false}},{"key":"e","value":{}},{"key":"none"},` +
      `{"key":"l","value":{"arrayValue":{"values":[]}}},{"key":"s","value":{"stringValue":""}}],` +
      `"status":{},"flags":257}]}]}]}`,
  );
  expect(encodeOtlpJson("logs", { resourceLogs: [] })).toBe('{"resourceLogs":[]}');
});
