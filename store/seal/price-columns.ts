import { costOf, type DatedPrice, PriceIndex, type PriceTable, SHIPPED_PRICES } from "../../schema/index.js";
import type { ColumnBatch, FixedVector, TextVector } from "./column-batch.js";
import { hash } from "./key-table.js";
import { IN_SCRATCH } from "./scratch.js";

/** Pairs of provider and model whose prices are at hand; senders must not be able to fill memory with them. */
const KNOWN_MAX = 1_024;
const OWN_LENGTH = "own".length;
const NO_DETAILS: Readonly<Record<string, number>> = {};
const MAX_SAFE_HIGH = 0x1f_ffff;

/** Prices of one provider and model. */
interface Known {
  readonly provider: Uint8Array;
  readonly model: Uint8Array;
  readonly prices: readonly DatedPrice[];
  /** The next one with the same hash. */
  readonly next: Known | undefined;
}

interface Usage {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
  cacheReadTokens: number | undefined;
  cacheWriteTokens: number | undefined;
  cacheWrite1hTokens: number | undefined;
  audioInputTokens: number | undefined;
  audioOutputTokens: number | undefined;
  imageInputTokens: number | undefined;
  imageOutputTokens: number | undefined;
  inputIncludesCache: boolean | undefined;
  serviceTier: string | undefined;
}

/**
 * What a call cost, from the columns of its row: the emitter's own figure stays; else the price of its model at its time,
 * for calls alone (usage_scope own), so that sums count each once. No string and no object is made per row.
 */
export class PriceColumns {
  readonly #c;
  readonly #words;
  #index = new PriceIndex(SHIPPED_PRICES);
  #known = new Map<number, Known>();
  #knownCount = 0;
  #last: Known | undefined;
  #lastTier = "";
  #lastTierBytes: Uint8Array = Buffer.alloc(0);
  readonly #usage: Usage = {
    inputTokens: undefined,
    outputTokens: undefined,
    cacheReadTokens: undefined,
    cacheWriteTokens: undefined,
    cacheWrite1hTokens: undefined,
    audioInputTokens: undefined,
    audioOutputTokens: undefined,
    imageInputTokens: undefined,
    imageOutputTokens: undefined,
    inputIncludesCache: undefined,
    serviceTier: undefined,
  };

  constructor(readonly batch: ColumnBatch) {
    this.#words = {
      emitter: batch.scratch.constant("emitter"),
      price: batch.scratch.constant("price"),
      version: batch.scratch.constant(SHIPPED_PRICES.version),
    };
    this.#c = {
      scope: batch.text("usage_scope"),
      cost: batch.fixed("cost_usd"),
      source: batch.text("cost_source"),
      priceVersion: batch.text("price_version"),
      provider: batch.text("provider"),
      requestModel: batch.text("request_model"),
      responseModel: batch.text("response_model"),
      serviceTier: batch.text("service_tier"),
      details: batch.text("usage_details"),
      input: batch.fixed("input_tokens"),
      output: batch.fixed("output_tokens"),
      cacheRead: batch.fixed("cache_read_tokens"),
      cacheWrite: batch.fixed("cache_write_tokens"),
      includesCache: batch.fixed("input_includes_cache"),
      start: batch.fixed("start_time"),
    };
  }

  /** Prices by this table from the next row on; only while the batch is empty. */
  use(table: PriceTable): void {
    this.#index = new PriceIndex(table);
    // All versions have the same length: the constant's place takes the new one.
    this.batch.scratch.bytes.set(Buffer.from(table.version), this.#words.version.offset - IN_SCRATCH);
    this.#forget();
  }

  #forget(): void {
    this.#known.clear();
    this.#knownCount = 0;
    this.#last = undefined;
  }

  /** Fills the cost columns of a row whose other columns are filled. */
  fill(row: number): void {
    const c = this.#c;
    const scope = c.scope.lengths[row] as number;
    if (scope < 0) return;
    if (c.cost.valid[row] === 1) {
      c.source.set(row, this.#words.emitter.offset, this.#words.emitter.length);
      return;
    }
    if (scope !== OWN_LENGTH || (c.provider.lengths[row] as number) <= 0) return;
    const model = (c.responseModel.lengths[row] as number) > 0 ? c.responseModel : c.requestModel;
    if ((model.lengths[row] as number) <= 0) return;
    const ready = this.#priceAt(row, this.#prices(row, c.provider, model));
    if (ready === undefined) return;
    const usd = costOf(this.#usageOf(row), ready.price);
    if (usd === null) return;
    c.cost.setDouble(row, usd);
    c.source.set(row, this.#words.price.offset, this.#words.price.length);
    c.priceVersion.set(row, this.#words.version.offset, this.#words.version.length);
  }

  #priceAt(row: number, prices: readonly DatedPrice[]): DatedPrice | undefined {
    for (let i = 0; i < prices.length; i++) {
      const ready = prices[i] as DatedPrice;
      if (!ready.isDated) return ready;
      const { start } = this.#c;
      const time = start.valid[row] === 1 ? start.bigint(row) : 0n;
      if (time >= ready.from && time < ready.until) return ready;
    }
    return undefined;
  }

  #prices(row: number, provider: TextVector, model: TextVector): readonly DatedPrice[] {
    const last = this.#last;
    if (last !== undefined && this.#is(model, row, last.model) && this.#is(provider, row, last.provider)) {
      return last.prices;
    }
    const hashed = this.#hash(model, row) * 31 + this.#hash(provider, row);
    let known = this.#known.get(hashed);
    while (known !== undefined) {
      if (this.#is(model, row, known.model) && this.#is(provider, row, known.provider)) break;
      known = known.next;
    }
    if (known === undefined) known = this.#learn(hashed, this.#bytes(provider, row), this.#bytes(model, row));
    this.#last = known;
    return known.prices;
  }

  #learn(hashed: number, provider: Uint8Array, model: Uint8Array): Known {
    const prices = this.#index.candidates(Buffer.from(provider).toString(), Buffer.from(model).toString());
    if (this.#knownCount++ >= KNOWN_MAX) this.#forget();
    const known = { provider, model, prices, next: this.#known.get(hashed) };
    this.#known.set(hashed, known);
    return known;
  }

  #usageOf(row: number): Usage {
    const c = this.#c;
    const usage = this.#usage;
    usage.inputTokens = numberAt(c.input, row);
    usage.outputTokens = numberAt(c.output, row);
    usage.cacheReadTokens = numberAt(c.cacheRead, row);
    usage.cacheWriteTokens = numberAt(c.cacheWrite, row);
    usage.inputIncludesCache = c.includesCache.valid[row] === 1 ? c.includesCache.boolean(row) : undefined;
    usage.serviceTier = this.#tierOf(row);
    const counts = this.#detailsOf(row);
    usage.cacheWrite1hTokens = counts["cache_write_1h_tokens"];
    usage.audioInputTokens = counts["audio_input_tokens"];
    usage.audioOutputTokens = counts["audio_output_tokens"];
    usage.imageInputTokens = counts["image_input_tokens"];
    usage.imageOutputTokens = counts["image_output_tokens"];
    return usage;
  }

  /** Nearly all calls name the same tier: then no string is made of it. */
  #tierOf(row: number): string | undefined {
    const { serviceTier } = this.#c;
    if ((serviceTier.lengths[row] as number) < 0) return undefined;
    if (!this.#is(serviceTier, row, this.#lastTierBytes)) {
      this.#lastTierBytes = this.#bytes(serviceTier, row);
      this.#lastTier = Buffer.from(this.#lastTierBytes).toString();
    }
    return this.#lastTier;
  }

  #detailsOf(row: number): Readonly<Record<string, number>> {
    const { details } = this.#c;
    if ((details.lengths[row] as number) < 0) return NO_DETAILS;
    const { buffer, byteOffset, byteLength } =
      this.batch.textBytes(details.offsets[row] as number, details.lengths[row] as number) ?? NO_BYTES;
    return JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString()) as Record<string, number>;
  }

  /** A copy of the value. */
  #bytes(vector: TextVector, row: number): Uint8Array {
    return Uint8Array.from(
      this.batch.textBytes(vector.offsets[row] as number, vector.lengths[row] as number) ?? [],
    );
  }

  #is(vector: TextVector, row: number, text: Uint8Array): boolean {
    const length = vector.lengths[row] as number;
    if (length !== text.length) return false;
    const offset = vector.offsets[row] as number;
    const bytes = offset >= IN_SCRATCH ? this.batch.scratch.bytes : this.batch.source;
    const start = offset >= IN_SCRATCH ? offset - IN_SCRATCH : offset;
    let i = length - 1;
    while (i >= 0 && text[i] === bytes[start + i]) i--;
    return i < 0;
  }

  #hash(vector: TextVector, row: number): number {
    const offset = vector.offsets[row] as number;
    const bytes = offset >= IN_SCRATCH ? this.batch.scratch.bytes : this.batch.source;
    const start = offset >= IN_SCRATCH ? offset - IN_SCRATCH : offset;
    return hash(bytes, start, vector.lengths[row] as number);
  }
}

const NO_BYTES = Buffer.from("{}");

function numberAt(vector: FixedVector, row: number): number | undefined {
  if (vector.valid[row] !== 1) return undefined;
  const hi = vector.u32[row * 2 + 1] as number;
  if (hi <= MAX_SAFE_HIGH) return hi * 0x1_0000_0000 + (vector.u32[row * 2] as number);
  return Number(vector.bigint(row));
}
