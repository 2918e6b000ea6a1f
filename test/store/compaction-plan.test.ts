import { expect, test } from "vitest";
import type { FileEntry } from "../../store/index.js";
import { planCompaction } from "../../store/compaction/plan.js";

const small = (seq: number): FileEntry => ({
  table: "spans",
  path: `spans/date=2026-11-20/1-${seq}-${seq}-aa.parquet`,
  level: 1,
  rows: 10,
  bytes: 1_000,
  sha256: "00",
  minTimeUnixNano: String(seq),
  maxTimeUnixNano: String(seq),
  firstSeq: seq,
  lastSeq: seq,
  formatVersion: 2,
});

test("small files that a join could not make fewer are not joined again", () => {
  const files = [1, 2, 3].map(small);
  const options = { nowMs: Date.parse("2026-11-23T10:00:00Z"), writtenMs: () => 0 };
  expect(planCompaction(files, options)?.inputs).toHaveLength(3);
  const full = new Set(files.map(({ path }) => path));
  expect(planCompaction(files, { ...options, full })).toBeUndefined();
  const late = small(4);
  expect(planCompaction([...files, late, small(5)], { ...options, full })?.inputs).toEqual([late, small(5)]);
});
