import { type JsonObject, PRICES } from "../../schema/index.js";
import { type Catalog, dataDirPaths, type Mirror, queryRows } from "../../store/index.js";
import type { CollectorConfig } from "../config/types.js";
import type { Logger } from "../telemetry/logger.js";
import { PriceBook, type PriceRecord } from "./price-book.js";

interface PriceSources {
  readonly dataDir: string;
  readonly catalog: Pick<Catalog, "snapshot">;
  readonly mirror: Pick<Mirror, "onSealed">;
  readonly log: Logger;
}

/** The price book of a collector: its file from the configuration, its records from the mirror, as soon as it shows them. */
export async function openPrices(config: CollectorConfig, sources: PriceSources): Promise<PriceBook> {
  const { catalog, dataDir, log, mirror } = sources;
  const { table } = PRICES;
  const records = async (): Promise<PriceRecord[]> => {
    // Most mirrors have none: then no process is started for them.
    if (!catalog.snapshot().files.some((file) => file.table === table)) return [];
    const rows = await queryRows({ dataDir, sql: `SELECT id, data FROM ${table} ORDER BY id` });
    return (rows as unknown as { id: string; data: string }[]).map(({ id, data }) => ({
      id,
      data: JSON.parse(data) as JsonObject,
    }));
  };
  const book = await PriceBook.open({
    file: config.prices.file,
    env: process.env,
    pricesDir: dataDirPaths(dataDir).prices,
    records,
    log,
  });
  mirror.onSealed(({ files }) => {
    if (files.some((file) => file.table === table)) book.recordsChanged();
  });
  return book;
}
