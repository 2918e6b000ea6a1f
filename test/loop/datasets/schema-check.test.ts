import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { schemaProblems } from "../../../loop/index.js";
import type { JsonObject, JsonValue } from "../../../schema/index.js";

const check = (schema: JsonObject, value: JsonValue): string[] => schemaProblems(schema, value, "inputs");

describe("a value is checked against a JSON Schema", () => {
  const cases: readonly [name: string, schema: JsonObject, good: JsonValue[], bad: JsonValue[]][] = [
    ["type", { type: ["string", "null"] }, ["a", null], [1, [], {}]],
    ["integer", { type: "integer" }, [1, 2.0], [1.5, "1"]],
    ["enum and const", { enum: [1, { a: [1] }] }, [1, { a: [1] }], [2, { a: [2] }]],
    ["const", { const: { a: 1, b: 2 } }, [{ b: 2, a: 1 }], [{ a: 1 }]],
    ["bounds", { minimum: 1, exclusiveMaximum: 5, multipleOf: 0.5 }, [1, 4.5], [0, 5, 1.2]],
    ["lengths", { minLength: 2, maxLength: 3 }, ["ab", "é😀x"], ["a", "abcd"]],
    ["lists", { items: { type: "number" }, minItems: 1, uniqueItems: true }, [[1, 2]], [[], [1, 1], ["a"]]],
    ["prefixItems", { prefixItems: [{ type: "number" }], items: false }, [[1]], [["a"], [1, 2]]],
    [
      "objects",
      { properties: { a: { type: "number" } }, required: ["a"], additionalProperties: false },
      [{ a: 1 }],
      [{}, { a: "x" }, { a: 1, b: 2 }],
    ],
    ["anyOf", { anyOf: [{ type: "number" }, { minLength: 2, type: "string" }] }, [1, "ab"], ["a", null]],
    ["oneOf", { oneOf: [{ minimum: 1 }, { maximum: 3 }] }, [0, 4], [2]],
    ["allOf and not", { allOf: [{ type: "number" }], not: { const: 3 } }, [1], [3, "a"]],
    [
      "if",
      JSON.parse('{"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}}') as JsonObject,
      ["ab", 2],
      ["a", 1],
    ],
    [
      "$ref",
      {
        $ref: "#/$defs/node",
        $defs: { node: { properties: { next: { $ref: "#/$defs/node" } }, required: ["v"] } },
      },
      [{ v: 1, next: { v: 2 } }],
      [{ v: 1, next: {} }],
    ],
    ["what is not checked", { pattern: "^(a+)+$", format: "email", title: "t" }, ["x"], []],
  ];
  test.each(cases)("%s", (_name, schema, good, bad) => {
    for (const value of good) expect([value, check(schema, value)]).toEqual([value, []]);
    for (const value of bad) expect([value, check(schema, value).length > 0]).toEqual([value, true]);
  });
});

test("a problem says where it is and what must be there", () => {
  const schema = { properties: { q: { properties: { n: { type: "number" } } } }, required: ["a"] };
  expect(check(schema, { q: { n: "x" } })).toEqual([
    "inputs.a is missing",
    "inputs.q.n must be a number, got a string",
  ]);
});

test("a schema that goes round without end, names what is not there, or is no schema ends with an answer", () => {
  expect(check({ $ref: "#" }, 1)).toEqual([expect.stringContaining("without end")]);
  expect(check({ anyOf: [{ $ref: "#" }, { $ref: "#" }] }, 1)).toEqual([expect.any(String)]);
  expect(check({ $ref: "#/$defs/a" }, 1)).toEqual([expect.stringContaining("not there")]);
  expect(check({ $ref: "http://x" }, 1)).toEqual([expect.stringContaining("not read")]);
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (schema, value) => {
      expect(Array.isArray(check(schema as JsonObject, value as JsonValue))).toBe(true);
    }),
  );
});
