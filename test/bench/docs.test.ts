import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { PeerResults } from "../../bench/peers/report.js";
import { peerTable } from "../../bench/peers/report.js";
import { benchmarksPage } from "../../bench/report/docs.js";
import { mergeResults, type BenchResults, type ScenarioReport } from "../../bench/report/results.js";
import { tableText } from "../../bench/report/table.js";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
/** Layout is the formatter's. */
const words = (text: string): string => text.replaceAll(/[\s|-]+/g, " ");

function stored<T>(path: string): T | undefined {
  try {
    return JSON.parse(read(path)) as T;
  } catch {
    return undefined;
  }
}

const machine = {
  date: "2026-11-27T12:00:00.000Z",
  commit: "abc",
  cpu: "cpu",
  cores: 2,
  memory_gib: 24,
  file_system: "ext4 on disk",
  kernel: "6",
  node: "v20",
  duckdb: "v1",
  load_average: 0,
};
const report = (scenario: string, value: number): ScenarioReport => ({
  scenario,
  about: "About.",
  rows: [
    {
      id: scenario,
      measure: `measure of ${scenario}`,
      value,
      unit: "ms",
      target: { at: "most", value: 5 },
      floors: [{ name: "floor", value: 4 }],
    },
  ],
  facts: {},
  seconds: 1,
  machine,
  settings: { seconds: 60, quick: false, long: false, workers: undefined },
});

it("docs/benchmarks.md says what bench/results.json holds", () => {
  const results = JSON.parse(read("bench/results.json")) as BenchResults;
  const page = benchmarksPage(results, stored<PeerResults>("bench/peers-results.json"));
  expect(words(read("docs/benchmarks.md"))).toBe(words(page));
});

it("newer figures take the place of older ones of the same scenario, in the table's order", () => {
  const older: BenchResults = { version: 1, reports: [report("b", 1), report("a", 1)] };
  const newer: BenchResults = { version: 1, reports: [report("b", 9)] };
  const merged = mergeResults(older, newer, ["a", "b"]);
  expect(merged.reports.map(({ scenario, rows }) => [scenario, rows[0]?.value])).toEqual([
    ["a", 1],
    ["b", 9],
  ]);
});

it("a missed target and a floor are shown in the table and on the page as plainly as a met one", () => {
  const results: BenchResults = { version: 1, reports: [report("met", 4), report("missed", 6)] };
  for (const text of [tableText(results), benchmarksPage(results, undefined)]) {
    expect(text).toMatch(/measure of met .*<= 5.00.*met/);
    expect(text).toMatch(/measure of missed .*<= 5.00.*missed/);
    expect(text).toContain("floor: 4.00 (150 %)");
  }
});

it("a peer that could not be run says why, and one that is faster has a ratio below 1", () => {
  const figures = {
    acceptedPerSecond: 1_000,
    cpuMicrosPerSpan: 1,
    diskBytesPerSpan: 1,
    rssMaxMib: 1,
    p99Ms: 1,
    refused: 0,
    failed: 0,
    generatorCores: 0,
  };
  const common = { version: "1", durable: "nothing", keeps: "nothing", measuredAt: "", seconds: 20 };
  const text = peerTable({
    version: 1,
    machine,
    seconds: 20,
    workload: "content",
    reports: [
      { ...common, name: "Counterfoil", figures },
      { ...common, name: "Fast", figures: { ...figures, acceptedPerSecond: 4_000 } },
      { ...common, name: "Absent", error: "`pip install absent` failed" },
    ],
  });
  expect(text).toMatch(/Fast 1 +4,000 +0.25x/);
  expect(text).toContain("Absent: not measured: `pip install absent` failed");
});
