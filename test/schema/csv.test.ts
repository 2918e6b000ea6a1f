import fc from "fast-check";
import { expect, test } from "vitest";
import { csvLine, parseCsv } from "../../schema/index.js";

test("what is written as CSV is read back, whatever cells hold", () => {
  const cell = fc.oneof(fc.string(), fc.constantFrom('"', ",", "\r\n", "\n", "\r", "", " ", "=1+1", "é"));
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 5 }));
  fc.assert(
    fc.property(table, fc.boolean(), (rows, marked) => {
      const text = rows.map((row) => csvLine(row)).join("");
      fc.pre(!text.startsWith("\ufeff"));
      expect(parseCsv(`${marked ? "\ufeff" : ""}${text}`)).toEqual(rows);
    }),
  );
});

test("CSV of other programs is read: any line end, no last one, empty lines, empty cells", () => {
  expect(parseCsv("a,b\n\n1,\r2,3\r\n,")).toEqual([
    ["a", "b"],
    ["1", ""],
    ["2", "3"],
    ["", ""],
  ]);
  expect(parseCsv("")).toEqual([]);
  expect(() => parseCsv('a\n"b')).toThrow("row 2: a quote is never closed");
  expect(() => parseCsv('a\n"b"c')).toThrow("row 2: there is text behind a closing quote");
});
