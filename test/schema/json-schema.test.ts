import { describe, expect, test } from "vitest";
import { z } from "zod";
import { columnsOf, MIRROR_TABLES, rowSchema, type ColumnType } from "../../schema/index.js";

const GOOD: Readonly<Record<ColumnType, readonly unknown[]>> = {
  VARCHAR: ["", "text"],
  BIGINT: [0, -1, Number.MAX_SAFE_INTEGER],
  INTEGER: [0, 2 ** 31 - 1],
  DOUBLE: [0.5, 1, "NaN", "-Infinity"],
  BOOLEAN: [true, false],
  TIMESTAMP_NS: ["2026-11-23T15:29:00.123456789Z"],
  BLOB: ["AQID"],
  "MAP(VARCHAR, VARCHAR)": [{}, { "gen_ai.system": "openai", empty: null }],
};

const BAD: Readonly<Record<ColumnType, readonly unknown[]>> = {
  VARCHAR: [1, true, {}],
  BIGINT: ["1", 1.5],
  INTEGER: [2 ** 31, "1"],
  DOUBLE: ["1.5", true],
  BOOLEAN: ["true", 1],
  TIMESTAMP_NS: [1_795_418_054_508, "2026-11-23"],
  BLOB: [[1, 2, 3]],
  "MAP(VARCHAR, VARCHAR)": [{ count: 1 }, "a=b", []],
};

describe.each(MIRROR_TABLES)("the JSON Schema of %s", (table) => {
  const columns = columnsOf(table);
  const schema = rowSchema(table);
  const validator = z.fromJSONSchema(schema as unknown as Parameters<typeof z.fromJSONSchema>[0]);
  const emptyRow = Object.fromEntries(columns.map(({ name }) => [name, null]));
  const accepts = (row: unknown): boolean => validator.safeParse(row).success;

  test("has every column with its documentation, and no other", () => {
    expect(Object.entries(schema.properties).map(([name, { description }]) => [name, description])).toEqual(
      columns.map(({ name, doc }) => [name, doc]),
    );
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
    for (const { name, json } of columns) {
      expect(schema.properties[name]?.["contentMediaType"]).toBe(json ? "application/json" : undefined);
    }
  });

  test("accepts rows of the right types, nulls and new columns, and refuses wrong types and missing columns", () => {
    expect(accepts(emptyRow)).toBe(true);
    expect(accepts({ ...emptyRow, a_column_of_the_future: 1 })).toBe(true);
    for (const { name, type } of columns) {
      for (const value of GOOD[type])
        expect([name, accepts({ ...emptyRow, [name]: value })]).toEqual([name, true]);
      for (const value of BAD[type])
        expect([name, accepts({ ...emptyRow, [name]: value })]).toEqual([name, false]);
      const { [name]: _, ...without } = emptyRow;
      expect(accepts(without)).toBe(false);
    }
  });
});
