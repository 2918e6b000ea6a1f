import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  anyValueToJson,
  anyValueToText,
  attributesToJson,
  createMessage,
  doubleToText,
  type AnyValue,
} from "../../../schema/index.js";

const CASES: readonly [AnyValue, string, string][] = [
  [{ stringValue: 'a "b"' }, 'a "b"', String.raw`"a \"b\""`],
  [{ stringValue: "" }, "", '""'],
  [{ boolValue: false }, "false", "false"],
  [{ intValue: -(2n ** 63n) }, "-9223372036854775808", "-9223372036854775808"],
  [{ doubleValue: 1 }, "1.0", "1.0"],
  [{ doubleValue: 0.7 }, "0.7", "0.7"],
  [{ doubleValue: -0 }, "-0.0", "-0.0"],
  [{ doubleValue: 1e21 }, "1e+21", "1e+21"],
  [{ doubleValue: 123_456_789_012_345_680_000 }, "123456789012345680000.0", "123456789012345680000.0"],
  [{ doubleValue: Number.NaN }, "NaN", '"NaN"'],
  [{ doubleValue: Number.NEGATIVE_INFINITY }, "-Infinity", '"-Infinity"'],
  [{ bytesValue: Uint8Array.from([251, 255]) }, "+/8=", '"+/8="'],
  [{}, "", "null"],
  [{ arrayValue: { values: [] } }, "[]", "[]"],
  [
    { arrayValue: { values: [{ stringValue: "a" }, {}, { intValue: 1n }, { doubleValue: 1 }] } },
    '["a",null,1,1.0]',
    '["a",null,1,1.0]',
  ],
  [
    {
      kvlistValue: { values: [{ key: "__proto__", value: { boolValue: true } }, { key: "k" }, { key: "k" }] },
    },
    '{"__proto__":true,"k":null,"k":null}',
    '{"__proto__":true,"k":null,"k":null}',
  ],
];

test.each(CASES)("%o as text and as plain JSON", (value, text, json) => {
  expect(anyValueToText(value)).toBe(text);
  expect(anyValueToJson(value)).toBe(json);
});

test("a double's text always shows that it is one, and reads back as the same double", () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const text = doubleToText(value);
      expect(Object.is(Number(text), value)).toBe(true);
      if (Number.isFinite(value)) expect(text).toMatch(/[.e]/);
    }),
  );
});

test("attributes become one JSON object in their order", () => {
  const attributes = [{ key: "b", value: { intValue: 2n } }, { key: "a" }];
  expect(attributesToJson(attributes)).toBe('{"b":2,"a":null}');
});

test("a value nested too deep is refused, not a stack overflow", () => {
  let value: AnyValue = {};
  for (let depth = 0; depth < 10_000; depth++) value = { arrayValue: { values: [value] } };
  expect(() => anyValueToText(value)).toThrow(expect.objectContaining({ code: "CF_OTLP_TOO_DEEP" }));
});

test("an empty message has every list and default, and messages made do not share lists", () => {
  const span = createMessage("Span", { name: "n" });
  expect(span).toMatchObject({
    name: "n",
    traceId: "",
    kind: 0,
    startTimeUnixNano: 0n,
    attributes: [],
    links: [],
  });
  expect(span).not.toHaveProperty("status");
  span.attributes.push({ key: "k" });
  expect(createMessage("Span").attributes).toEqual([]);
});
