import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PriceBook, type PriceRecord } from "../../collector/prices/price-book.js";
import { readPriceFile } from "../../collector/prices/price-file.js";
import { createLogger } from "../../collector/telemetry/logger.js";
import { dataOfPrice, priceOf, priceOfData, SHIPPED_PRICES } from "../../schema/index.js";
import { readEffectivePrices, readPricesOfVersion } from "../../store/index.js";

let folder: string;
let book: PriceBook | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "counterfoil-prices-"));
});
afterEach(async () => {
  await book?.close();
  book = undefined;
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

function file(text: string): string {
  const path = join(folder, "prices.yaml");
  writeFileSync(path, text);
  return path;
}

const house = (input: number): string =>
  `prices: [{ provider: openai, models: [house-model], input: ${input}, output: 0 }]`;
const record = (input: number): PriceRecord => ({
  id: "r",
  data: {
    provider: "openai",
    models: ["house-model"],
    tiers: [{ above_input_tokens: 0, input, output: 0 }],
  },
});

function usd(model = "house-model"): number | undefined {
  const table = readEffectivePrices(join(folder, "prices"));
  return priceOf({ inputTokens: 1_000_000 }, model, "openai", 1_795_417_782_000_000_000n, table)?.usd;
}

/** A log that resolves each time that a line with the message is written. */
function watchedLog(message: string) {
  let seen = 0;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (chunk.toString().includes(message)) seen++;
      done();
    },
  });
  const log = createLogger("info", stream);
  return {
    log,
    times: (count: number) => vi.waitFor(() => expect(seen).toBeGreaterThanOrEqual(count), 60_000),
  };
}

async function open(more: Partial<Parameters<typeof PriceBook.open>[0]> = {}): Promise<PriceBook> {
  book = await PriceBook.open({
    file: undefined,
    env: {},
    pricesDir: join(folder, "prices"),
    records: () => Promise.resolve([]),
    log: createLogger("silent"),
    ...more,
  });
  return book;
}

describe("a price file", () => {
  it("gives rates beside a price one tier, and every price survives being written and read", () => {
    const prices = readPriceFile(
      file(`
prices:
  - { provider: openai, models: [a], input: 1, output: 2, cache_read: 0.1, service_tiers: { Batch: 0.5 } }
  - { id: mine, provider: openai, models: ["b*"], from: 2026-01-01, until: 2027-01-01, published: contract,
      tiers: [{ above_input_tokens: 0, input: 1, output: 2 }, { above_input_tokens: 9, input: 3, output: 4, audio_input: 5 }] }`),
      {},
    );
    expect(prices[0]).toMatchObject({ id: "openai/a", serviceTiers: { batch: 0.5 } });
    expect(prices[0]?.tiers).toEqual([{ aboveInputTokens: 0, input: 1, output: 2, cacheRead: 0.1 }]);
    expect(prices[1]).toMatchObject({
      id: "mine",
      from: "2026-01-01",
      until: "2027-01-01",
      source: "contract",
    });
    for (const price of [...prices, ...SHIPPED_PRICES.prices]) {
      const { id, provider, models, tiers, serviceTiers } = price;
      expect(priceOfData(id, dataOfPrice(price))).toMatchObject({
        id,
        provider,
        models,
        tiers,
        ...(serviceTiers === undefined ? {} : { serviceTiers }),
      });
    }
  });

  it.each([
    ["no list", "prices: 3", ":1:1: a price file has a list `prices`"],
    ["nothing", "", "a price file has a list `prices`"],
    ["broken YAML", "prices: [", "prices.yaml:1"],
    ["an unknown key", "prices: []\nprice: []", ":2:1: price: there is only the key prices here"],
    [
      "an unknown field",
      "prices:\n  - { provider: o, models: [m], input: 1, outputt: 2 }",
      ":2:5: prices[0]:",
    ],
    ["a missing rate", "prices:\n  - { provider: o, models: [m], input: 1 }", "tiers[0].output is missing"],
    [
      "a negative rate",
      "prices: [{ provider: o, models: [m], input: -1, output: 1 }]",
      "rate below 0: tiers[0].input",
    ],
    [
      "a text for a rate",
      "prices: [{ provider: o, models: [m], input: free, output: 1 }]",
      "tiers[0].input must be a number",
    ],
    ["no model", "prices: [{ provider: o, models: [], input: 1, output: 1 }]", "names no model"],
    [
      "a model that fits all",
      'prices: [{ provider: o, models: ["*"], input: 1, output: 1 }]',
      'no name: "*"',
    ],
    [
      "a day that is none",
      "prices: [{ provider: o, models: [m], input: 1, output: 1, from: soon }]",
      "from must be a day",
    ],
    [
      "an end before the start",
      "prices: [{ provider: o, models: [m], input: 1, output: 1, from: 2026-02-01, until: 2026-01-01 }]",
      "ends (until 2026-01-01) before",
    ],
    [
      "tiers that fall",
      "prices: [{ provider: o, models: [m], tiers: [{ above_input_tokens: 0, input: 1, output: 1 }, { above_input_tokens: 0, input: 1, output: 1 }] }]",
      "tiers[1].above_input_tokens is 0",
    ],
    [
      "a factor that is none",
      "prices: [{ provider: o, models: [m], input: 1, output: 1, service_tiers: { batch: half } }]",
      "service_tiers.batch",
    ],
    [
      "one id twice",
      "prices:\n  - { provider: o, models: [m], input: 1, output: 1 }\n  - { provider: o, models: [m], input: 2, output: 1 }",
      ":3:5: prices[1]: prices[0] has the id o/m, too",
    ],
    ["no object", "prices: [7]", "prices[0]: must be a price"],
  ])("with %s is refused, and the message says where", (_what, text, message) => {
    let refused: unknown;
    try {
      readPriceFile(file(text), {});
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code: "CF_CONFIG_INVALID" });
    expect(String(refused)).toContain(message);
  });

  it("that can't be read is refused by name", () => {
    expect(() => readPriceFile(join(folder, "none.yaml"), {})).toThrow(/none\.yaml can't be read/);
  });
});

describe("the prices in effect", () => {
  it("are the shipped ones, below those of the file, below those of the records", async () => {
    await open();
    expect(usd("gpt-4o")).toBe(2.5);
    expect(usd()).toBeUndefined();
    await book?.close();
    await open({ file: file(house(3)) });
    expect(usd()).toBe(3);
    await book?.close();
    await open({ file: file(house(3)), records: () => Promise.resolve([record(4)]) });
    expect(usd()).toBe(4);
    await book?.close();
    await open();
    expect(usd()).toBeUndefined();
  });

  it("follow the file while running; one that became invalid is told and changes nothing", async () => {
    const changed = watchedLog("Other prices are in effect");
    await open({ file: file(house(3)), pollMs: 5, log: changed.log });
    const { version } = readEffectivePrices(join(folder, "prices"));
    file(house(55));
    await changed.times(1);
    expect(usd()).toBe(55);
    expect(readPricesOfVersion(join(folder, "prices"), version)?.version).toBe(version);
    await book?.close();
    const invalid = watchedLog("The price file is not valid");
    await open({ file: file(house(3)), pollMs: 5, log: invalid.log });
    file("prices: [");
    await invalid.times(1);
    expect(usd()).toBe(3);
  });

  it("follow the records; one that this version can't read is left out, and a failure to read keeps the last ones", async () => {
    const broken: PriceRecord = { id: "x", data: { provider: "openai" } };
    let answer: () => Promise<PriceRecord[]> = () => Promise.resolve([broken]);
    const left = watchedLog("A price record is left out");
    const opened = await open({ records: () => answer(), log: left.log });
    await left.times(1);
    answer = () => Promise.resolve([broken, record(6)]);
    opened.recordsChanged();
    await vi.waitFor(() => expect(usd()).toBe(6), 60_000);
    answer = () => Promise.reject(new Error("no"));
    opened.recordsChanged();
    await opened.close();
    expect(usd()).toBe(6);
  });

  it("an invalid file stops the start", async () => {
    await expect(open({ file: file("prices: 1") })).rejects.toMatchObject({ code: "CF_CONFIG_INVALID" });
  });
});
