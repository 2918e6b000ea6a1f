import type { ExporterConfig } from "../exporters/destination-types.js";
import { type ItemCounts, storedCounts } from "../journal/index.js";
import type { DestinationTotals } from "../schema/index.js";
import type { DestinationConfig } from "./config/types.js";
import { readCursorFiles } from "./destinations.js";

/** What a destination's cursor file holds, see `exporters/core/cursor.ts`; an earlier version's has fewer signals. */
interface StoredTotals {
  readonly seq: number;
  readonly totals?: {
    readonly delivered: ItemCounts;
    readonly filtered: Readonly<Record<string, ItemCounts>>;
    readonly deadLetter: Readonly<Record<string, ItemCounts>>;
  };
}

/** What every destination beside the mirror has confirmed, by the cursors on disk: what a crash leaves. */
export async function destinationTotals(
  dataDir: string,
  configured: readonly DestinationConfig[],
): Promise<DestinationTotals[]> {
  const files = await readCursorFiles<StoredTotals>(dataDir);
  return [...files].flatMap(([name, state]) => {
    if (state?.totals === undefined) return [];
    const { delivered, filtered, deadLetter } = state.totals;
    const config = configured.find((each) => each.name === name);
    return [
      {
        name,
        address: config === undefined ? undefined : addressOfExporter(config.exporter),
        seq: state.seq,
        delivered: storedCounts(delivered),
        filtered: storedBuckets(filtered),
        deadLetter: storedBuckets(deadLetter),
      },
    ];
  });
}

/** Where an exporter sends: scheme, host and port, as paths may hold secrets; for files their folder. */
export function addressOfExporter(exporter: ExporterConfig): string | undefined {
  if (exporter.type === "file") return exporter.path;
  const endpoints = exporter.type === "otlp_http" ? Object.values(exporter.endpoints ?? {}) : [];
  const origins = [exporter.endpoint, ...endpoints].flatMap((each) =>
    each !== undefined && URL.canParse(each) ? [new URL(each).origin] : [],
  );
  return origins.length === 0 ? undefined : [...new Set(origins)].join(", ");
}

function storedBuckets(buckets: Readonly<Record<string, ItemCounts>>): Record<string, ItemCounts> {
  return Object.fromEntries(Object.entries(buckets).map(([name, counts]) => [name, storedCounts(counts)]));
}
