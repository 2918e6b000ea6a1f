import { expect, test } from "vitest";
import { SPAN_RULES, TABLE_COLUMNS } from "../../schema/index.js";

test("column names are unique in each table, and every rule fills an existing column", () => {
  for (const columns of Object.values(TABLE_COLUMNS)) {
    expect(new Set(columns.map((column) => column.name)).size).toBe(columns.length);
  }
  const names = new Set(TABLE_COLUMNS.spans.map((column) => column.name));
  expect(SPAN_RULES.filter((rule) => !names.has(rule.column))).toEqual([]);
});
