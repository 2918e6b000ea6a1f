import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkBundle, compareBundles } from "../../../store/index.js";
import { bundleFolder, copyBundle, exportAll, replaceFile } from "../../support/estate.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";

const bundles = bundleFolder();
let good: string;
let copies = 0;

beforeAll(async () => {
  const harness = await MirrorHarness.open();
  const spans = [1, 2].map((n) => span({ traceId: traceId(1), spanId: spanId(n) }));
  await harness.appendData("traces", request(...spans), 2);
  await harness.mirror.flush(60_000);
  good = join(bundles.path, "good");
  await exportAll(harness.dir, good, "jsonl");
  await harness.close();
});
afterAll(() => bundles.remove());

/** How the bundle differs from one whose lines of spans are these. */
async function differences(change: (lines: string[]) => string[]) {
  const other = copyBundle(good, join(bundles.path, `${++copies}`), (folder, manifest, spans) => {
    const lines = change(readFileSync(join(folder, spans.path), "utf8").trimEnd().split("\n"));
    replaceFile(folder, spans, `${lines.join("\n")}\n`);
    spans.rows = lines.length;
    for (const table of manifest.tables) if (table.name === "spans") table.rows = lines.length;
  });
  return (await compareBundles(await checkBundle(good), await checkBundle(other))).tables;
}

const older = (line: string): string => line.replace(/"rule_set_version":\d+/, '"rule_set_version":1');

it("says nothing of bundles that are the same", async () => {
  expect(await differences((lines) => lines)).toEqual([]);
});

it("names the rows and columns that differ, and rows that are missing", async () => {
  const renamed = await differences(([first = "", ...rest]) => [
    first.replace('"name":"work"', '"name":"play"'),
    ...rest,
  ]);
  expect(renamed).toEqual([
    { table: "spans", first: 2, second: 2, unmatched: 0, columns: { name: 1 }, onlyDerived: false },
  ]);
  const short = await differences((lines) => lines.slice(0, 1));
  expect(short).toMatchObject([{ first: 2, second: 1, unmatched: 1, onlyDerived: false }]);
});

it("tells what newer rules derive from what was sent: the former only in rows that older rules filled", async () => {
  const typed = (line: string): string => line.replace('"run_type":null', '"run_type":"tool"');
  const derived = await differences((lines) => lines.map((line) => older(typed(line))));
  expect(derived).toMatchObject([{ columns: { run_type: 2, rule_set_version: 2 }, onlyDerived: true }]);
  expect(await differences((lines) => lines.map(typed))).toMatchObject([{ onlyDerived: false }]);
  const sent = (line: string): string => line.replace('"name":"work"', '"name":"play"');
  expect(await differences((lines) => lines.map((line) => older(sent(line))))).toMatchObject([
    { columns: { name: 2, rule_set_version: 2 }, onlyDerived: false },
  ]);
});
