import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  encodeOtlp,
  type Price,
  priceTable,
  SHIPPED_PRICES,
  type TracesData,
} from "../../../schema/index.js";
import {
  dataDirPaths,
  readEffectivePrices,
  readPricesOfVersion,
  writeEffectivePrices,
} from "../../../store/index.js";
import { keyValues, type Plain } from "../../schema/genai/spans.js";
import { MirrorHarness } from "../../support/mirror-harness.js";

const open: { close(): Promise<void> }[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const harness of open.splice(0)) await harness.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

const price = (input: number): Price => ({
  id: "own/house-model",
  provider: "openai",
  models: ["house-model"],
  tiers: [{ aboveInputTokens: 0, input, output: 0 }],
  source: "contract",
  asOf: "2026-01-01",
});

function call(n: number, attributes: { readonly [key: string]: Plain }): TracesData {
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: n.toString(16).padStart(16, "0"),
    traceState: "",
    parentSpanId: "",
    flags: 0,
    name: "chat",
    kind: 3,
    startTimeUnixNano: 1_795_417_782_000_000_000n,
    endTimeUnixNano: 1_795_417_783_000_000_000n,
    attributes: keyValues({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      ...attributes,
    }),
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
  };
  return { resourceSpans: [{ schemaUrl: "", scopeSpans: [{ schemaUrl: "", spans: [span] }] }] };
}

const usage = { "gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 0 };

describe("the cost of sealed spans", () => {
  it("comes from the emitter, else from the price table, and says which; rollups and unknown models have none", async () => {
    const harness = await MirrorHarness.open({});
    open.push(harness);
    const calls = [
      { "gen_ai.request.model": "gpt-4o", "gen_ai.usage.cost": 7.5, ...usage },
      { "gen_ai.request.model": "gpt-4o", ...usage },
      { "gen_ai.request.model": "gpt-4o", ...usage, "openai.response.service_tier": "batch" },
      { "gen_ai.request.model": "gpt-4o", ...usage, "openai.response.service_tier": "priority" },
      { "gen_ai.request.model": "gpt-4o", ...usage, "gen_ai.operation.name": "invoke_agent" },
      { "gen_ai.request.model": "gpt-99", ...usage },
      { "gen_ai.request.model": "gpt-99", "gen_ai.response.model": "gpt-4o-2024-11-20", ...usage },
      { "gen_ai.request.model": "gpt-4o" },
    ];
    for (const [n, attributes] of calls.entries()) {
      await harness.append({ payload: encodeOtlp("traces", call(n + 1, attributes)) });
    }
    await harness.mirror.flush(20_000);
    const shipped = SHIPPED_PRICES.version;
    expect(
      await harness.query("SELECT cost_usd, cost_source, price_version FROM spans ORDER BY span_id"),
    ).toEqual([
      [7.5, "emitter", null],
      [2.5, "price", shipped],
      [1.25, "price", shipped],
      [null, null, null],
      [null, null, null],
      [null, null, null],
      [2.5, "price", shipped],
      [null, null, null],
    ]);
  });

  it("follows the price table of the data directory without a restart, and rows name the version they were priced by", async () => {
    const harness = await MirrorHarness.open({});
    open.push(harness);
    const { prices } = dataDirPaths(harness.dir);
    const tables = [1, 2].map((input) => priceTable({ file: [price(input)] }));
    for (const [n, table] of tables.entries()) {
      writeEffectivePrices(prices, table);
      const attributes = { "gen_ai.request.model": "house-model", ...usage };
      await harness.append({ payload: encodeOtlp("traces", call(n + 1, attributes)) });
      await harness.mirror.flush(20_000);
    }
    expect(await harness.query("SELECT cost_usd, price_version FROM spans ORDER BY span_id")).toEqual(
      tables.map(({ version }, n) => [n + 1, version]),
    );
    for (const table of tables) expect(readPricesOfVersion(prices, table.version)).toEqual(table);
  });

  it("a price file that is missing or damaged leaves the shipped prices in effect", () => {
    const folder = mkdtempSync(join(tmpdir(), "counterfoil-prices-"));
    folders.push(folder);
    expect(readEffectivePrices(join(folder, "none"))).toBe(SHIPPED_PRICES);
    for (const text of ["", "{", '{"version":"x","prices":[]}', '{"version":"0123456789ab"}', "[]", "null"]) {
      writeFileSync(join(folder, "effective.json"), text);
      expect(readEffectivePrices(folder)).toBe(SHIPPED_PRICES);
    }
    expect(readPricesOfVersion(folder, "../effective")).toBeUndefined();
    expect(readPricesOfVersion(folder, SHIPPED_PRICES.version)).toBe(SHIPPED_PRICES);
  });
});
