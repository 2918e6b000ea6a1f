import { type OriginatedPrice, PRICE_ORIGINS, type PriceTable } from "./types.js";

/** What may follow a model's name and still be that model: a date, `latest`, a revision. */
const VERSION = /^(?:-\d{4}-\d{2}-\d{2}|-\d{8}|-latest|@.+|-\d{3})$/;
/**
 * What a model's name may begin with and still be the same model of that provider: LiteLLM writes its provider's name
 * before it, the Gemini API the kind of resource.
 */
const PREFIXES: ReadonlyMap<string, readonly string[]> = new Map([
  ["openai", ["openai/"]],
  ["anthropic", ["anthropic/"]],
  ["gcp.gemini", ["models/", "gemini/"]],
]);
/** Pairs of provider and model met so far; senders must not be able to fill memory with them. */
const KNOWN_MAX = 4_096;

/** A price and when it holds, in nanoseconds since 1970: from `from`, inclusive, until `until`, exclusive. */
export interface DatedPrice {
  readonly price: OriginatedPrice;
  readonly from: bigint;
  readonly until: bigint;
  /** False when it holds always: then nobody need look at the time. */
  readonly isDated: boolean;
}

const ALWAYS = { from: -(2n ** 63n), until: 2n ** 63n };

/** A price table made ready for look-ups, which are remembered by provider and model. */
export class PriceIndex {
  readonly #known = new Map<string, readonly DatedPrice[]>();

  constructor(readonly table: PriceTable) {}

  /**
   * The prices that a call of the model may have, the most fitting first: a later origin before an earlier one, then a
   * longer name before a shorter one, a name before a pattern, and what stands later in the table. The first one that
   * holds at the call's time is its price.
   */
  candidates(provider: string, model: string): readonly DatedPrice[] {
    const key = `${provider}\n${model}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const prefix = PREFIXES.get(provider)?.find((each) => model.startsWith(each)) ?? "";
    const names = prefix === "" ? [model] : [model, model.slice(prefix.length)];
    const found = this.table.prices
      .flatMap((price, place) => {
        const fit = price.provider === provider ? bestFit(price.models, names) : undefined;
        return fit === undefined ? [] : [{ price, place, fit }];
      })
      .sort(
        (a, b) =>
          PRICE_ORIGINS.indexOf(b.price.origin) - PRICE_ORIGINS.indexOf(a.price.origin) ||
          b.fit - a.fit ||
          b.place - a.place,
      )
      .map(({ price }) => dated(price));
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }

  /** The price of a call that began then. */
  find(provider: string, model: string, timeUnixNano: bigint): OriginatedPrice | undefined {
    return this.candidates(provider, model).find(
      ({ from, until }) => timeUnixNano >= from && timeUnixNano < until,
    )?.price;
  }
}

function dated(price: OriginatedPrice): DatedPrice {
  return {
    price,
    isDated: price.from !== undefined || price.until !== undefined,
    from: price.from === undefined ? ALWAYS.from : startOf(price.from),
    until: price.until === undefined ? ALWAYS.until : startOf(price.until),
  };
}

function startOf(day: string): bigint {
  return BigInt(Date.parse(`${day}T00:00:00Z`)) * 1_000_000n;
}

/**
 * How well the price's models fit one of the names of the model: twice the length of what was compared, and one more when
 * it is no pattern.
 */
function bestFit(models: readonly string[], names: readonly string[]): number | undefined {
  let best: number | undefined;
  for (const pattern of models) {
    const isPattern = pattern.endsWith("*");
    const stem = isPattern ? pattern.slice(0, -1) : pattern;
    const fits = names.some((name) => {
      if (!name.startsWith(stem)) return false;
      const rest = name.slice(stem.length);
      return isPattern || rest === "" || VERSION.test(rest);
    });
    if (!fits) continue;
    const fit = stem.length * 2 + (isPattern ? 0 : 1);
    if (best === undefined || fit > best) best = fit;
  }
  return best;
}
