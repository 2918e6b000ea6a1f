import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** Items of the catalogue of faults that must have a test: data and requests 1-34, disk and crash 40-66, destinations 67-72. */
const NEEDED = [...range(1, 34), ...range(40, 72)];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

const here = fileURLToPath(new URL(".", import.meta.url));
const rows = readFileSync(`${here}README.md`, "utf8")
  .split("\n")
  .flatMap((line) => {
    const cells = /^\| (\d+) +\| .* \| ([\w/-]+\.test\.ts) +\| (.*?) +\|$/.exec(line);
    return cells === null ? [] : [{ item: Number(cells[1]), file: cells[2] ?? "", title: cells[3] ?? "" }];
  });

it("the table of test/README.md names only tests that exist, and has every item that needs one", () => {
  const sources = new Map<string, string>();
  const sourceOf = (file: string): string => {
    const known = sources.get(file) ?? readFileSync(here + file, "utf8");
    sources.set(file, known);
    return known;
  };
  const gone = rows.filter(({ file, title }) => !sourceOf(file).includes(title));
  expect(gone).toEqual([]);
  const items = new Set(rows.map(({ item }) => item));
  expect(NEEDED.filter((item) => !items.has(item))).toEqual([]);
});
