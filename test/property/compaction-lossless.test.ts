import { mkdirSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeOtlp } from "../../schema/index.js";
import {
  dataDirPaths,
  type MirrorRow,
  readOtlpRows,
  rowsToOtlp,
  rowsToOtlpBytes,
} from "../../store/index.js";
import { runCompactionJob } from "../../store/compaction/compact.js";
import { planCompaction } from "../../store/compaction/plan.js";
import { MirrorHarness } from "../support/mirror-harness.js";
import { otlpArbitraries } from "../support/otlp-arbitraries.js";

const WEEK_MS = 7 * 86_400_000;

async function read(dataDir: string): Promise<MirrorRow[]> {
  const rows: MirrorRow[] = [];
  for await (const part of readOtlpRows(dataDir, "traces")) rows.push(...part);
  return rows;
}

test("I4: compaction changes the layout and no byte: the OTLP that comes back is the same", async () => {
  const harness = await MirrorHarness.open();
  try {
    const { traces } = otlpArbitraries({ plain: false });
    for (const data of fc.sample(traces, { numRuns: 120, seed: 11 })) {
      const bytes = encodeOtlp("traces", data);
      const spans = data.resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans),
      );
      if (spans.length > 0) await harness.append({ payload: bytes, itemCount: spans.length });
    }
    await harness.mirror.flush(60_000);
    const before = await read(harness.dir);
    expect(before.length).toBeGreaterThan(100);
    mkdirSync(dataDirPaths(harness.dir).temp, { recursive: true });
    const { catalog, dir } = harness;
    for (;;) {
      const job = planCompaction(catalog.snapshot().files, {
        nowMs: Date.now() + WEEK_MS,
        writtenMs: () => 0,
      });
      if (job === undefined) break;
      expect(await runCompactionJob({ dataDir: dir, catalog, job })).toMatchObject({ damaged: [] });
    }
    expect(catalog.snapshot().files.every(({ level }) => level > 0)).toBe(true);
    const after = await read(harness.dir);
    expect(rowsToOtlp("traces", after)).toEqual(rowsToOtlp("traces", before));
    expect(Buffer.from(rowsToOtlpBytes("traces", after))).toEqual(
      Buffer.from(rowsToOtlpBytes("traces", before)),
    );
  } finally {
    await harness.close();
  }
});
