import fc from "fast-check";
import { expect, test } from "vitest";
import { cohenKappa, fleissKappa, krippendorffAlpha } from "../../../loop/index.js";

/** `count` times each pair of ratings. */
function pairs(...table: readonly [first: string, second: string, count: number][]): [string, string][] {
  return table.flatMap(([first, second, count]) =>
    Array.from({ length: count }, (): [string, string] => [first, second]),
  );
}

test("Cohen's kappa is as in the published 2x2 examples", () => {
  // 50 grant proposals, and two tables of 100 with the same share of agreement (Smeeton 1985; Wikipedia "Cohen's kappa").
  expect(cohenKappa(pairs(["y", "y", 20], ["y", "n", 5], ["n", "y", 10], ["n", "n", 15]))).toBeCloseTo(
    0.4,
    4,
  );
  expect(cohenKappa(pairs(["y", "y", 45], ["y", "n", 15], ["n", "y", 25], ["n", "n", 15]))).toBeCloseTo(
    0.1304,
    4,
  );
  expect(cohenKappa(pairs(["y", "y", 25], ["y", "n", 35], ["n", "y", 5], ["n", "n", 35]))).toBeCloseTo(
    0.2593,
    4,
  );
  expect(cohenKappa([])).toBeUndefined();
  expect(cohenKappa([["a", "a"]])).toBeUndefined();
});

test("Fleiss' kappa is as in the published example of 14 raters and 10 subjects", () => {
  // Wikipedia "Fleiss' kappa", after Fleiss (1971).
  const table = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
  ];
  const things = table.map((row) =>
    row.flatMap((count, category) => Array<string>(count).fill(String(category))),
  );
  expect(fleissKappa(things)).toBeCloseTo(0.21, 3);
  expect(fleissKappa([["a"], ["b"]])).toBeUndefined();
  expect(fleissKappa([["a", "b"], ["b"]])).toBeUndefined();
});

/** Rows are raters, `.` is no rating. */
function things(...raters: readonly string[]): string[][] {
  const columns = raters.map((row) => row.split(" "));
  return (columns[0] ?? []).map((_, at) =>
    columns.map((row) => row[at] ?? ".").filter((each) => each !== "."),
  );
}

test("Krippendorff's alpha is as in the published examples, at each level, with ratings missing", () => {
  // Krippendorff (2011), section C: four observers, twelve units.
  const four = things(
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
  );
  expect(krippendorffAlpha(four, "nominal")).toBeCloseTo(0.743, 3);
  expect(krippendorffAlpha(four, "ordinal")).toBeCloseTo(0.815, 3);
  expect(krippendorffAlpha(four, "interval")).toBeCloseTo(0.849, 3);
  // Wikipedia "Krippendorff's alpha": three coders, fifteen units.
  const three = things(
    ". . . . . 3 4 1 2 1 1 3 3 . 3",
    "1 . 2 1 3 3 4 3 . . . . . . .",
    ". . 2 1 3 4 4 . 2 1 1 3 3 . 4",
  );
  expect(krippendorffAlpha(three, "nominal")).toBeCloseTo(0.691, 3);
  expect(krippendorffAlpha(three, "interval")).toBeCloseTo(0.811, 3);
  expect(krippendorffAlpha([["a", "b"]], "interval")).toBeUndefined();
  expect(krippendorffAlpha([["a"], ["b"]], "nominal")).toBeUndefined();
});

test("full agreement over more than one rating is 1, and renaming ratings or reordering raters changes nothing", () => {
  const rating = fc.constantFrom("1", "2", "3");
  fc.assert(
    fc.property(fc.array(fc.tuple(rating, rating), { minLength: 2, maxLength: 20 }), (given) => {
      const renamed = given.map(([a, b]) => [`x${a}`, `x${b}`] as const);
      const swapped = given.map(([a, b]) => [b, a] as const);
      const close = (left: number | undefined, right: number | undefined) =>
        left === right || Math.abs((left ?? NaN) - (right ?? NaN)) < 1e-9;
      expect(close(cohenKappa(given), cohenKappa(renamed))).toBe(true);
      expect(close(cohenKappa(given), cohenKappa(swapped))).toBe(true);
      expect(close(krippendorffAlpha(given, "nominal"), krippendorffAlpha(renamed, "nominal"))).toBe(true);
      expect(close(fleissKappa(given), fleissKappa(swapped))).toBe(true);
      const same = given.map(([a]) => [a, a] as const);
      const expected = new Set(same.flat()).size > 1 ? 1 : undefined;
      expect(close(cohenKappa(same), expected)).toBe(true);
      expect(close(krippendorffAlpha(same, "interval"), expected)).toBe(true);
    }),
  );
});
