import { statSync } from "node:fs";
import { errorMessage } from "../../schema/errors.js";
import { sha256Of } from "../compaction/parquet-output.js";
import type { CatalogSnapshot, FileEntry } from "../types.js";

/** Queries over a mirror in which files are damaged: they leave those out, and say so. */

/** A snapshot without the files that can't be read, and a warning for each of them. */
export interface ReadableSnapshot {
  readonly snapshot: CatalogSnapshot;
  readonly warnings: readonly string[];
}

function leftOut({ path, rows, table }: FileEntry, what: string): string {
  return `${path} is ${what}: ${rows} rows of ${table} are left out. \`counterfoil scrub\` repairs what can be.`;
}

/** All files but those that are missing or have another size than the manifest says. The working folder is the mirror. */
export function readableFiles(snapshot: CatalogSnapshot): ReadableSnapshot {
  const warnings: string[] = [];
  const files = snapshot.files.filter((file) => {
    const bytes = statSync(file.path, { throwIfNoEntry: false })?.size;
    if (bytes === file.bytes) return true;
    warnings.push(
      leftOut(file, bytes === undefined ? "missing" : `damaged (${bytes} bytes instead of ${file.bytes})`),
    );
    return false;
  });
  return { snapshot: { ...snapshot, files }, warnings };
}

/** What DuckDB says of a Parquet file with wrong bytes in it, among other things. */
const DAMAGE_ERROR =
  /^(?:IO|Invalid Input|Invalid|INTERNAL|Serialization|Out of Range|Conversion|Corrupt) Error|TProtocol|thrift|zstd|decompress|parquet/i;

/** Whether a query may have failed over a damaged file. */
export function maySpeakOfDamage(error: unknown): boolean {
  return DAMAGE_ERROR.test(errorMessage(error));
}

/**
 * The same snapshot without files whose bytes are not those listed; undefined when there are none. Reads every file
 * from end to end.
 */
export function withoutDamagedFiles({ snapshot, warnings }: ReadableSnapshot): ReadableSnapshot | undefined {
  const damaged = new Set(snapshot.files.filter((file) => sha256Of(file.path) !== file.sha256));
  if (damaged.size === 0) return undefined;
  return {
    snapshot: { ...snapshot, files: snapshot.files.filter((file) => !damaged.has(file)) },
    warnings: [
      ...warnings,
      ...[...damaged].map((file) => leftOut(file, "damaged (its bytes do not have the listed SHA-256)")),
    ],
  };
}
