import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

const rows = readFileSync(`${root}docs/promises.md`, "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"));

it("every test that docs/promises.md names exists, and every row names one", () => {
  const tables = rows.filter((line) => /^\| *-+ *\|/.test(line)).length;
  expect(tables).toBeGreaterThan(0);
  const named = rows.flatMap((line) => {
    const cells = /\| *`([\w/.-]+\.test\.ts)`: (.*?) +\|/.exec(line);
    // A command that does more of the same may follow the title.
    const title = (cells?.[2] ?? "").split("; `")[0] ?? "";
    return cells === null ? [] : [{ file: cells[1] ?? "", title }];
  });
  // The head of each table and the line under it name none.
  expect(named).toHaveLength(rows.length - 2 * tables);
  const gone = named.filter(
    ({ file, title }) => !readFileSync(`${root}test/${file}`, "utf8").includes(title),
  );
  expect(gone).toEqual([]);
});
