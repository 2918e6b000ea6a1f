import { mkdirSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ChangeRecord, JsonValue } from "../../../schema/index.js";
import { runCompactionJob } from "../../../store/compaction/compact.js";
import { planCompaction } from "../../../store/compaction/plan.js";
import { dataDirPaths } from "../../../store/index.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";
import { appendChanges, put, remove } from "../../support/records.js";

type Step =
  | { readonly do: "append"; readonly changes: readonly ChangeRecord[] }
  | { readonly do: "spans" | "seal" | "compact" };

const score: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.boolean(),
  fc.constant(null),
);

const change: fc.Arbitrary<ChangeRecord> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({
        id: fc.nat({ max: 5 }),
        score,
        comment: fc.string({ unit: "grapheme" }),
        value: fc.jsonValue() as fc.Arbitrary<JsonValue>,
      })
      .map(({ id, score, comment, value }) =>
        put(`f${id}`, { key: "k", trace_id: traceId(id), span_id: spanId(id), score, comment, value }),
      ),
  },
  { weight: 1, arbitrary: fc.nat({ max: 5 }).map((id) => remove(`f${id}`)) },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 2 })
      .map((id) => put(`p${id}`, { provider: "openai", models: ["m"], tiers: [] }, { type: "price" })),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 2 })
      .map((id) => put(`x${id}`, { deep: [id, null, { a: "b" }] }, { type: "of_tomorrow" })),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(change, { minLength: 1, maxLength: 5 })
      .map((changes): Step => ({ do: "append", changes })),
  },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ do: "seal" }, { do: "spans" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "compact" }) },
);

/** Joins all files of record tables as if their hour were over. */
async function compact(harness: MirrorHarness): Promise<void> {
  for (;;) {
    const files = harness.catalog.snapshot().files.filter(({ table }) => table !== "spans");
    const job = planCompaction(files, { nowMs: Date.now() + 7_200_000, writtenMs: () => 0 });
    if (job === undefined) return;
    await runCompactionJob({ dataDir: harness.dir, catalog: harness.catalog, job });
  }
}

async function run(harness: MirrorHarness, steps: readonly Step[]): Promise<ChangeRecord[][]> {
  const log: ChangeRecord[][] = [];
  for (const one of steps) {
    if (one.do === "append") {
      await appendChanges(harness, one.changes);
      log.push([...one.changes]);
    } else if (one.do === "spans") {
      await harness.appendData("traces", request(span({ traceId: traceId(9), spanId: spanId(9) })), 1);
    } else {
      await harness.mirror.flush(10_000);
      if (one.do === "compact") await compact(harness);
    }
  }
  await harness.mirror.flush(10_000);
  return log;
}

const ofType = (log: readonly ChangeRecord[][], type: string): ChangeRecord[] =>
  log.flat().filter((change) => change.type === type);

function stateOf(changes: readonly ChangeRecord[]): Map<string, JsonValue> {
  const state = new Map<string, JsonValue>();
  for (const { id, data } of changes) {
    if (data === null) state.delete(id);
    else state.set(id, data);
  }
  return state;
}

test("I5: however changes are sealed and compacted, the view is the last change of each id and the history is all of them", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 1, max: 8 }),
      async (steps, sealRows) => {
        const harness = await MirrorHarness.open({ sealRows, sealIntervalMs: 5 });
        mkdirSync(dataDirPaths(harness.dir).temp, { recursive: true });
        try {
          const log = await run(harness, steps);
          for (const [type, table] of [
            ["feedback", "feedback"],
            ["price", "prices"],
          ] as const) {
            const changes = ofType(log, type);
            const rows = await harness.query(
              `SELECT id, op, data FROM ${table}_history ORDER BY seq, seq_index`,
            );
            expect(
              rows.map(([id, op, data]) => [id, op, data === null ? null : JSON.parse(String(data))]),
            ).toEqual(changes.map(({ id, op, data }) => [id, op, JSON.parse(JSON.stringify(data))]));
            const state = await harness.query(`SELECT id, data FROM ${table} ORDER BY id`);
            expect(state.map(([id, data]) => [id, JSON.parse(String(data))])).toEqual(
              [...stateOf(changes)]
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([id, data]) => [id, JSON.parse(JSON.stringify(data))]),
            );
          }
          const typed = await harness.query(
            "SELECT id, score, score_boolean, comment, value FROM feedback ORDER BY id",
          );
          for (const [id, score, boolean, comment, value] of typed) {
            const data = stateOf(ofType(log, "feedback")).get(String(id)) as { [key: string]: JsonValue };
            expect(boolean ?? score).toEqual(data["score"]);
            expect(comment).toEqual(data["comment"]);
            expect(value === null ? null : JSON.parse(String(value))).toEqual(
              JSON.parse(JSON.stringify(data["value"])),
            );
          }
          const unknown = await harness.query("SELECT type, id, data FROM records ORDER BY seq, seq_index");
          expect(unknown.map(([type, id, data]) => [type, id, JSON.parse(String(data))])).toEqual(
            ofType(log, "of_tomorrow").map(({ type, id, data }) => [type, id, data]),
          );
          expect(harness.mirror.stats().delivered.records).toBe(log.flat().length);
        } finally {
          await harness.close();
        }
      },
    ),
    { numRuns: 4 },
  );
}, 120_000);
