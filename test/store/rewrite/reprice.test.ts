import { mkdirSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeOtlp, type Price, priceTable, SHIPPED_PRICES } from "../../../schema/index.js";
import {
  dataDirPaths,
  type RewriteReport,
  rewriteSpans,
  writeEffectivePrices,
} from "../../../store/index.js";
import { keyValues, type Plain } from "../../schema/genai/spans.js";
import { MirrorHarness } from "../../support/mirror-harness.js";
import { spanNamed, tracesOf } from "../../support/memory-journal.js";

let harness: MirrorHarness;
beforeAll(async () => {
  harness = await MirrorHarness.open({});
  mkdirSync(dataDirPaths(harness.dir).temp, { recursive: true });
});
afterAll(() => harness.close());

const price = (input: number): Price => ({
  id: "own",
  provider: "openai",
  models: ["house-model"],
  tiers: [{ aboveInputTokens: 0, input, output: 0 }],
  source: "contract",
  asOf: "",
});
const inEffect = (input: number): string => {
  const table = priceTable({ shipped: SHIPPED_PRICES.prices, file: [price(input)] });
  writeEffectivePrices(dataDirPaths(harness.dir).prices, table);
  return table.version;
};
const run = (more: { dryRun?: boolean } = {}): Promise<RewriteReport> =>
  rewriteSpans({
    dataDir: harness.dir,
    catalog: harness.catalog,
    rewrite: { kind: "reprice" },
    paths: harness.catalog
      .snapshot()
      .files.filter(({ table }) => table === "spans")
      .map(({ path }) => path),
    ...more,
  });
const costs = (): Promise<unknown[][]> =>
  harness.query("SELECT cost_usd, cost_source, price_version FROM spans ORDER BY span_id");

it("history gets the prices in effect when it is asked for, once; the emitter's costs and unknown models stay", async () => {
  const before = inEffect(1);
  const call = (n: number, attributes: { readonly [key: string]: Plain }) =>
    spanNamed("chat", {
      spanId: n.toString(16).padStart(16, "0"),
      attributes: keyValues({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 1_000_000,
        ...attributes,
      }),
    });
  const spans = [
    call(1, { "gen_ai.request.model": "house-model" }),
    call(2, { "gen_ai.request.model": "house-model", "gen_ai.usage.cost": 9 }),
    call(3, { "gen_ai.request.model": "unknown-model" }),
  ];
  await harness.append({ payload: encodeOtlp("traces", tracesOf(spans)) });
  await harness.mirror.flush(20_000);
  const rest = [
    [9, "emitter", null],
    [null, null, null],
  ];
  expect(await costs()).toEqual([[1, "price", before], ...rest]);

  const after = inEffect(3);
  const cost = { beforeUsd: 10, afterUsd: 12 };
  expect(await run({ dryRun: true })).toMatchObject({ cost, changes: { cost_usd: 1, price_version: 1 } });
  expect(await costs()).toEqual([[1, "price", before], ...rest]);
  expect(await run()).toMatchObject({ cost, rows: 3 });
  expect(await costs()).toEqual([[3, "price", after], ...rest]);

  const { version } = harness.catalog.snapshot();
  expect(await run()).toMatchObject({ changes: {}, cost: { beforeUsd: 12, afterUsd: 12 } });
  expect(harness.catalog.snapshot().version).toBe(version);
});
