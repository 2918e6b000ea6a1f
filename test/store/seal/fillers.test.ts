import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeOtlp, type Signal, TABLE_COLUMNS } from "../../../schema/index.js";
import { pointerFillerWorks } from "../../../store/seal/self-check.js";
import { PointerFiller } from "../../../store/seal/pointer-filler.js";
import { SafeFiller } from "../../../store/seal/safe-filler.js";
import { Workload } from "../../../bench/load/workload.js";
import { otlpArbitraries } from "../../support/otlp-arbitraries.js";
import { SealHarness } from "../../support/seal-harness.js";

let fast: SealHarness;
let safe: SealHarness;
beforeAll(async () => {
  fast = await SealHarness.open(new PointerFiller());
  safe = await SealHarness.open(new SafeFiller());
});
afterAll(() => {
  fast.close();
  safe.close();
});

/** Rows that are in one file and not the other, both ways, counting repetitions. */
async function differences(a: string, b: string): Promise<number> {
  const [one, other] = [`read_parquet('${a}')`, `read_parquet('${b}')`];
  const result = await fast.connection.runAndReadAll(
    `SELECT (SELECT count(*) FROM (FROM ${one} EXCEPT ALL FROM ${other}))
          + (SELECT count(*) FROM (FROM ${other} EXCEPT ALL FROM ${one}))
          + abs((SELECT count(*) FROM ${one}) - (SELECT count(*) FROM ${other}))`,
  );
  return Number(result.getRows()[0]?.[0]);
}

async function sealBoth(signal: Signal, requests: readonly Uint8Array[]): Promise<number> {
  const a = await fast.seal(signal, requests, "both");
  const b = await safe.seal(signal, requests, "both");
  if (a === null || b === null) return a === b ? 0 : -1;
  return differences(a, b);
}

describe("the two ways of filling DuckDB's vectors", () => {
  const any = otlpArbitraries({ plain: false });

  it("give the same tables for any requests", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(any.traces, { minLength: 1, maxLength: 5 }),
        fc.array(any.logs, { minLength: 1, maxLength: 5 }),
        fc.array(any.metrics, { minLength: 1, maxLength: 5 }),
        async (traces, logs, metrics) => {
          const encode = <S extends Signal>(signal: S, list: Parameters<typeof encodeOtlp<S>>[1][]) =>
            sealBoth(
              signal,
              list.map((data) => encodeOtlp(signal, data)),
            );
          expect(await encode("traces", traces)).toBe(0);
          expect(await encode("logs", logs)).toBe(0);
          expect(await encode("metrics", metrics)).toBe(0);
        },
      ),
      { numRuns: 8 },
    );
  }, 120_000);

  it("give the same tables over many vectors, batches and row groups", async () => {
    const bodies = [
      ...new Workload({ kind: "content", requests: 6, spansPerRequest: 700, seed: 3 }).bodies(),
      ...new Workload({ kind: "lean", requests: 40, spansPerRequest: 512, seed: 4 }).bodies(),
      ...new Workload({ kind: "content", requests: 1, spansPerRequest: 5_000, seed: 5 }).bodies(),
    ];
    expect(await sealBoth("traces", bodies)).toBe(0);
  }, 60_000);

  it("pass the self-check that chooses the fast one", async () => {
    expect(await pointerFillerWorks(fast.connection)).toEqual({ works: true, reason: "" });
  });

  it("write every column of the table, in order and with its type", async () => {
    const [body] = new Workload({ kind: "lean", requests: 1, spansPerRequest: 10, seed: 1 }).bodies();
    const path = await fast.seal("traces", [body ?? new Uint8Array()], "types");
    const result = await fast.connection.runAndReadAll(`DESCRIBE FROM read_parquet('${path}')`);
    const types = result.getRows().map(([name, type]) => `${String(name)} ${String(type)}`);
    expect(types).toEqual(TABLE_COLUMNS.spans.map(({ name, type }) => `${name} ${type}`));
  });
});
