import { createHash } from "node:crypto";
import type { OriginatedPrice, Price, PriceOrigin, PriceTable } from "./types.js";

/** Hex digits of a version: short enough to stand on every row, long enough that no two tables share one. */
const VERSION_DIGITS = 12;

/** A table of the prices by origin. Its version is a hash of what they say, so equal tables have equal versions. */
export function priceTable(byOrigin: Readonly<Partial<Record<PriceOrigin, readonly Price[]>>>): PriceTable {
  const of = (origin: PriceOrigin): OriginatedPrice[] =>
    (byOrigin[origin] ?? []).map((price) => ({ ...price, origin }));
  const prices = [...of("shipped"), ...of("file"), ...of("record")];
  const text = JSON.stringify(prices, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
  return { version: createHash("sha256").update(text).digest("hex").slice(0, VERSION_DIGITS), prices };
}
