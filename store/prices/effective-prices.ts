import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CounterfoilError,
  type OriginatedPrice,
  type PriceOrigin,
  type PriceTable,
  priceTable,
  SHIPPED_PRICES,
} from "../../schema/index.js";

/**
 * The price tables of a data directory. `prices/effective.json` is the one by which calls are priced now: whoever may
 * change prices writes it, and everything that seals looks at it before each piece. `prices/<version>.json` keeps each
 * table that was ever in effect, so that a row's price_version can be looked up. Without the file the prices that ship
 * with the product are in effect.
 */

const EFFECTIVE = "effective.json";
const BEFORE_IMPORT = "effective.before-import.json";
const VERSION = /^[0-9a-f]{12}$/;

/** Puts a table into effect: sealing threads use it from their next piece on. Throws the system's errors. */
export function writeEffectivePrices(pricesDir: string, table: PriceTable): void {
  mkdirSync(pricesDir, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify(table, null, 1)}\n`;
  const kept = join(pricesDir, `${table.version}.json`);
  if (!existsSync(kept)) replace(kept, text);
  replace(join(pricesDir, EFFECTIVE), text);
}

/** A table out of its text. Throws CF_BUNDLE_INVALID when it is none, or says other prices than its version. */
export function importedPriceTable(text: string): PriceTable {
  const table = parseTable(text);
  const of = (origin: PriceOrigin): OriginatedPrice[] =>
    table?.prices.filter((price) => price.origin === origin) ?? [];
  const again = priceTable({ shipped: of("shipped"), file: of("file"), record: of("record") });
  if (table !== undefined && again.version === table.version) return table;
  throw new CounterfoilError(
    "CF_BUNDLE_INVALID",
    "A price table of the bundle is not what its version says.",
  );
}

/** Keeps a table that was in effect elsewhere, so that its version can be looked up here. */
export function keepPriceTable(pricesDir: string, table: PriceTable): void {
  const kept = join(pricesDir, `${table.version}.json`);
  if (existsSync(kept)) return;
  mkdirSync(pricesDir, { recursive: true, mode: 0o700 });
  replace(kept, `${JSON.stringify(table, null, 1)}\n`);
}

/**
 * Puts a table into effect for what is imported now, until {@link returnEffectivePrices}. The table before it is kept beside
 * it, so that a process that dies meanwhile leaves nothing wrong behind.
 */
export function borrowEffectivePrices(pricesDir: string, table: PriceTable): void {
  mkdirSync(pricesDir, { recursive: true, mode: 0o700 });
  const before = join(pricesDir, BEFORE_IMPORT);
  if (!existsSync(before)) replace(before, `${JSON.stringify(readEffectivePrices(pricesDir), null, 1)}\n`);
  replace(join(pricesDir, EFFECTIVE), `${JSON.stringify(table, null, 1)}\n`);
}

/** Puts the table back that was in effect before an import, also one that died. */
export function returnEffectivePrices(pricesDir: string): void {
  const before = join(pricesDir, BEFORE_IMPORT);
  if (existsSync(before)) renameSync(before, join(pricesDir, EFFECTIVE));
}

function replace(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600, flush: true });
  renameSync(temporary, path);
}

/** The table in effect: the shipped one when there is no other, or when the file can't be read. */
export function readEffectivePrices(pricesDir: string): PriceTable {
  return readTable(join(pricesDir, EFFECTIVE)) ?? SHIPPED_PRICES;
}

/** A table that was in effect once; undefined when this data directory doesn't know the version. */
export function readPricesOfVersion(pricesDir: string, version: string): PriceTable | undefined {
  if (!VERSION.test(version)) return undefined;
  const kept = readTable(join(pricesDir, `${version}.json`));
  return kept ?? (version === SHIPPED_PRICES.version ? SHIPPED_PRICES : undefined);
}

/** Only this module writes these files, whole, after the prices in them were validated. */
function readTable(path: string): PriceTable | undefined {
  try {
    return parseTable(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function parseTable(text: string): PriceTable | undefined {
  try {
    const table = JSON.parse(text) as Partial<PriceTable>;
    const { prices, version } = table;
    const isWhole = typeof version === "string" && VERSION.test(version) && Array.isArray(prices);
    return isWhole ? { version, prices } : undefined;
  } catch {
    return undefined;
  }
}

/** Notices that another table is in effect. */
export class PriceWatch {
  #seen = "";

  constructor(readonly pricesDir: string) {}

  /** The table in effect, when it is another than at the last call; at the first call always. */
  changed(): PriceTable | undefined {
    const stats = statSync(join(this.pricesDir, EFFECTIVE), { throwIfNoEntry: false });
    const state = stats === undefined ? "none" : `${stats.ino}/${stats.mtimeMs}/${stats.size}`;
    if (state === this.#seen) return undefined;
    this.#seen = state;
    return readEffectivePrices(this.pricesDir);
  }
}
