import * as fc from "fast-check";
import { expect, test } from "vitest";
import { inlineParameters } from "../../store/reader/inline-parameters.js";
import { duck } from "./mirror-files.js";

test("whatever text a parameter holds, it is the value and never SQL", async () => {
  const nasty = fc.array(fc.constantFrom("'", '"', "\\", "\0", "$1", "--", "/*", "*/", ";", "\n", "é", "a"));
  const text = fc.oneof(
    nasty.map((parts) => parts.join("")),
    fc.string({ unit: "binary" }).map((value) => Buffer.from(value).toString()),
  );
  const connection = await duck();
  await fc.assert(
    fc.asyncProperty(text, text, async (a, b) => {
      const sql = inlineParameters(`SELECT $2 AS b, $1 AS a, '$1' AS "$2" /* $3 */ -- $3`, [a, b]);
      const result = await connection.runAndReadAll(sql);
      expect(result.getRows()).toEqual([[b, a, "$1"]]);
    }),
    { numRuns: 300 },
  );
});

test("numbers, big integers, booleans and null keep their values", async () => {
  const values = [1, -1, 0.1, 1e300, Number.MAX_SAFE_INTEGER, -9007199254740993n, true, null, Infinity];
  const list = values.map((_, at) => `$${at + 1}`).join(", ");
  const connection = await duck();
  const result = await connection.runAndReadAll(inlineParameters(`SELECT ${list}`, values));
  expect(result.getRows()[0]).toEqual([
    1,
    -1,
    0.1,
    1e300,
    BigInt(Number.MAX_SAFE_INTEGER),
    -9007199254740993n,
    true,
    null,
    Infinity,
  ]);
  expect((await connection.runAndReadAll(inlineParameters("SELECT 5-$1", [-3]))).getRows()).toEqual([[8]]);
});

test("a parameter without a value is an error", () => {
  expect(() => inlineParameters("SELECT $2", [1])).toThrow("no value for $2");
});
