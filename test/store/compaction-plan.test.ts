import { expect, test } from "vitest";
import { COLUMNS_VERSION } from "../../schema/index.js";
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
  columnsVersion: COLUMNS_VERSION,
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

test("log records that wait are looked at once their hour is over, with spans or alone, and not again for that", () => {
  const content = (level: number): FileEntry => ({
    ...small(9),
    table: "log_content",
    path: `log_content/date=2026-11-20/${level}-9-9.parquet`,
    level,
    formatVersion: 1,
  });
  const options = { nowMs: Date.parse("2026-11-23T10:00:00Z"), writtenMs: () => 0 };
  const full = new Set([small(1).path]);
  const job = planCompaction([small(1), content(0)], { ...options, full });
  expect(job).toMatchObject({ table: "spans", inputs: [], content: [content(0)], settled: [small(1)] });
  expect(planCompaction([small(1), content(1)], { ...options, full })).toBeUndefined();
  const open = { ...options, full, writtenMs: () => options.nowMs };
  expect(planCompaction([small(1), content(0)], open)).toBeUndefined();
  const fresh = { ...small(2), level: 0, path: "spans/date=2026-11-20/0-2-2.parquet", formatVersion: 1 };
  expect(planCompaction([fresh, content(1)], options)).toMatchObject({
    inputs: [fresh],
    content: [content(1)],
  });
});
