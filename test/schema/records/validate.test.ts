import * as fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  checkRecord,
  type CounterfoilError,
  decodeRecords,
  encodeRecords,
  FEEDBACK,
  type Field,
  type FieldKind,
  type JsonObject,
  type JsonValue,
  PRICES,
  RECORD_TABLE_COLUMNS,
  RECORD_TYPES,
  recordDataSchema,
  timeToUnixNano,
  unixNanoToTime,
} from "../../../schema/index.js";

const GOOD: Readonly<Record<FieldKind, readonly JsonValue[]>> = {
  text: ["a", "two words"],
  number: [0, -1.5],
  integer: [0, 7],
  boolean: [true, false],
  score: [0.5, 1, true, false],
  time: ["2026-11-23T10:00:00Z", "2026-11-23T10:00:00.123456789+02:00"],
  date: ["2026-11-23"],
  trace_id: ["0af7651916cd43dd8448eb211c80319c", "0AF76519-16cd-43dd-8448-eb211c80319c"],
  span_id: ["b7ad6b7169203331"],
  uuid: ["0af76519-16cd-43dd-8448-eb211c80319c"],
  object: [{}],
  list: [[]],
  json: [null, 1, "a", [1], { a: 1 }],
};

const BAD: Readonly<Record<FieldKind, readonly JsonValue[]>> = {
  text: [1, {}, []],
  number: ["1", true],
  integer: [1.5, "1"],
  boolean: ["true", 1],
  score: ["1", {}],
  time: ["yesterday", 1_795_413_600, "2026-11-23T25:00:00Z"],
  date: ["23.11.2026", "2026-13-01"],
  trace_id: ["abc", "0af7651916cd43dd8448eb211c80319cf", 1],
  span_id: ["b7ad6b716920333", "xxxxxxxxxxxxxxxx"],
  uuid: ["1", "0af76519-16cd-43dd-8448-eb211c80319"],
  object: ["{}", [], 1],
  list: [{}, "[]"],
  json: [],
};

/** The least that is valid, besides the field that is tried. */
const LEAST: JsonObject = { key: "k", trace_id: "0af7651916cd43dd8448eb211c80319c" };

function problems(type: typeof FEEDBACK, data: JsonObject, strict = false): string {
  try {
    checkRecord(type, data, strict ? { unknownFields: "refuse" } : {});
    return "";
  } catch (error) {
    expect((error as CounterfoilError).code).toBe("CF_RECORD_INVALID");
    return (error as CounterfoilError).message;
  }
}

const formats = { time: "date-time", date: "date" };

test("each field takes what it should, null unless required, and errors name it; the JSON Schema agrees", () => {
  const type = FEEDBACK;
  const schema = z.fromJSONSchema(recordDataSchema(type));
  const least = LEAST;
  const accepts = (field: Field, data: JsonObject): boolean => {
    // JSON Schema's formats are stricter than what we read: a time without an offset, for one.
    return field.kind in formats || schema.safeParse(data).success;
  };
  expect([problems(type, least), schema.safeParse(least).success]).toEqual(["", true]);
  for (const field of type.fields) {
    const { name, kind, oneOf, required } = field;
    for (const value of oneOf ?? GOOD[kind]) {
      const data = { ...least, [name]: value };
      if (required === true && value === null) continue;
      expect([name, value, problems(type, data), accepts(field, data)]).toEqual([name, value, "", true]);
    }
    for (const value of BAD[kind]) {
      const data = { ...least, [name]: value };
      expect(problems(type, data)).toContain(`${name} must be`);
      if (!(kind in formats))
        expect([name, value, schema.safeParse(data).success]).toEqual([name, value, false]);
    }
    const nulled = problems(type, { ...least, [name]: null });
    if (required === true) expect(nulled).toContain(`${name} is missing`);
    else if (name !== "trace_id") expect(nulled).toBe("");
  }
});

test("every problem is named at once, by its path", () => {
  const data = { key: "", score: "x", feedback_source: { type: 3 }, target: "moon", trace_id: "1" };
  const text = problems(FEEDBACK, data);
  for (const each of [
    "key is empty",
    'score must be a number, true or false, got "x"',
    "feedback_source.type must be a text, got 3",
    'target must be one of span, trace, thread, session, example, experiment, got "moon"',
    "trace_id must be a trace id",
  ]) {
    expect(text).toContain(each);
  }
  const tiers = [
    { above_input_tokens: 0, input: 1, output: 2 },
    { above_input_tokens: "x", input: 1, output: 1 },
    7,
  ];
  const price = problems(PRICES, { provider: "p", models: ["m"], tiers });
  expect(price).toContain('tiers[1].above_input_tokens must be a whole number, got "x"');
  expect(price).toContain("tiers[2] must be an object, got 7");
});

test("a field that the type does not have is kept, or refused with those that there are where people write it", () => {
  const data = { ...LEAST, socre: 1 };
  expect(problems(FEEDBACK, data)).toBe("");
  expect(problems(FEEDBACK, data, true)).toMatch(/there is no field socre \(there are .*score/);
});

test("changes come back from their payload as they were, also with what only a newer version knows", () => {
  const text = fc.string({ unit: "grapheme" });
  const change = fc.record({
    type: text,
    id: text,
    op: fc.constantFrom("put" as const, "delete" as const),
    time: text,
    source: text,
    data: fc.oneof(fc.constant(null), fc.dictionary(text, fc.jsonValue() as fc.Arbitrary<JsonValue>)),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
      const expected = JSON.parse(JSON.stringify(changes)) as JsonObject[];
      expect(decodeRecords(encodeRecords(changes))).toEqual(
        expected.map((each) => ({ ...each, data: each["data"] ?? undefined, more: undefined })),
      );
    }),
  );
  const newer = Buffer.from('{"type":"t","id":"i","op":"merge","data":[1],"by":{"who":"me"}}\n');
  expect(decodeRecords(newer)).toEqual([
    {
      type: "t",
      id: "i",
      op: "merge",
      time: undefined,
      source: undefined,
      data: [1],
      more: { by: { who: "me" } },
    },
  ]);
});

test.each(["", "[]", "7", "{", '{"type":"t","id":"i"}', '{"type":"t","id":1,"op":"put"}'])(
  "a payload whose line is %j is refused",
  (line) => {
    expect(() => decodeRecords(Buffer.from(`{"type":"t","id":"i","op":"put"}\n${line}\n`))).toThrow(
      /^Line 2 of/,
    );
  },
);

test("times keep their nanoseconds, and what is no time is none", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 0x7fff_ffff_ffff_fffen }), (nanos) => {
      expect(timeToUnixNano(unixNanoToTime(nanos))).toBe(nanos);
    }),
  );
  expect(timeToUnixNano("1970-01-01T02:00:00.5+02:00")).toBe(500_000_000n);
  expect(timeToUnixNano("1970-01-01T00:00:01")).toBe(1_000_000_000n);
  for (const text of ["1969-12-31T23:59:59Z", "2300-01-01T00:00:00Z", "2026-11-23", "", "2026-02-30T10:00"]) {
    expect([text, timeToUnixNano(text)]).toEqual([text, undefined]);
  }
});

test("types, tables and their columns have names of their own", () => {
  const tables = RECORD_TYPES.map(({ table }) => table);
  expect(new Set(tables).size).toBe(tables.length);
  expect(new Set(RECORD_TYPES.map(({ type }) => type)).size).toBe(tables.length);
  for (const columns of Object.values(RECORD_TABLE_COLUMNS)) {
    expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length);
  }
});
