import { statSync } from "node:fs";
import {
  checkRecord,
  errorMessage,
  type JsonObject,
  type Price,
  PRICE_FILE_POLL_MS,
  priceOfData,
  PRICES,
  type PriceTable,
  priceTable,
  SHIPPED_PRICES,
} from "../../schema/index.js";
import { writeEffectivePrices } from "../../store/index.js";
import type { Environment } from "../config/parse.js";
import type { Logger } from "../telemetry/logger.js";
import { readPriceFile } from "./price-file.js";

/** A current price record. */
export interface PriceRecord {
  readonly id: string;
  readonly data: JsonObject;
}

export interface PriceBookOptions {
  /** `prices.file` of the configuration. */
  readonly file: string | undefined;
  readonly env: Environment;
  /** Where the table in effect is put. */
  readonly pricesDir: string;
  /** The current price records. */
  readonly records: () => Promise<readonly PriceRecord[]>;
  readonly log: Logger;
  readonly pollMs?: number;
}

/**
 * Keeps the price table of the data directory true to what it is made of: the prices that ship with the product, those
 * of the configuration's file, those of the records. A change takes effect without a restart; a file that became invalid
 * is told in the log and leaves the last valid prices in effect.
 */
export class PriceBook {
  readonly #options: PriceBookOptions;
  #filePrices: readonly Price[] = [];
  #recordPrices: readonly Price[] = [];
  #fileState = "";
  #version = "";
  #timer: NodeJS.Timeout | undefined;
  #records: Promise<void> = Promise.resolve();

  private constructor(options: PriceBookOptions) {
    this.#options = options;
  }

  /** Puts the prices into effect and follows their sources. Throws CF_CONFIG_INVALID for a bad file. */
  static async open(options: PriceBookOptions): Promise<PriceBook> {
    const book = new PriceBook(options);
    const { env, file, pollMs } = options;
    if (file !== undefined) {
      book.#fileState = stateOf(file);
      book.#filePrices = readPriceFile(file, env);
      book.#timer = setInterval(() => book.#lookAtFile(), pollMs ?? PRICE_FILE_POLL_MS);
      book.#timer.unref();
    }
    await book.#readRecords();
    return book;
  }

  /** Price records changed: they are read again, and the table with them takes effect. */
  recordsChanged(): void {
    this.#records = this.#records.then(() => this.#readRecords());
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#records;
  }

  #lookAtFile(): void {
    const { env, file, log } = this.#options;
    if (file === undefined) return;
    const state = stateOf(file);
    if (state === this.#fileState) return;
    this.#fileState = state;
    try {
      this.#filePrices = readPriceFile(file, env);
      this.#takeEffect();
    } catch (error) {
      log.error({ file, error: errorMessage(error) }, "The price file is not valid: its last prices stay");
    }
  }

  async #readRecords(): Promise<void> {
    const { log, records } = this.#options;
    try {
      this.#recordPrices = (await records()).flatMap((record) => this.#priceOf(record));
    } catch (error) {
      log.error({ error: errorMessage(error) }, "The price records can't be read: the last ones stay");
    }
    this.#takeEffect();
  }

  #priceOf({ data, id }: PriceRecord): Price[] {
    try {
      checkRecord(PRICES, data);
      return [priceOfData(id, data)];
    } catch (error) {
      this.#options.log.warn({ id, error: errorMessage(error) }, "A price record is left out");
      return [];
    }
  }

  #takeEffect(): void {
    const { log, pricesDir } = this.#options;
    const table: PriceTable = priceTable({
      shipped: SHIPPED_PRICES.prices,
      file: this.#filePrices,
      record: this.#recordPrices,
    });
    if (table.version === this.#version) return;
    try {
      writeEffectivePrices(pricesDir, table);
    } catch (error) {
      log.error(
        { error: errorMessage(error) },
        "The price table can't be written: the last one stays in effect",
      );
      return;
    }
    if (this.#version !== "") {
      log.info({ price_version: table.version, prices: table.prices.length }, "Other prices are in effect");
    }
    this.#version = table.version;
  }
}

function stateOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? "none" : `${stats.ino}/${stats.mtimeMs}/${stats.size}`;
}
