import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CounterfoilError, errorMessage } from "../../schema/errors.js";
import type { CatalogSnapshot } from "../types.js";
import { MANIFEST_FILE, parseManifest } from "./manifest-log.js";

/**
 * The newest committed state of a mirror, from any process and without a lock: a line that is just being written is
 * left out. Throws CF_NOT_FOUND when there is no mirror, CF_CATALOG_CORRUPT or CF_CATALOG_VERSION when its manifest
 * can't be used.
 */
export function readCatalog(mirrorDir: string): CatalogSnapshot {
  const path = join(mirrorDir, MANIFEST_FILE);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CounterfoilError(
      missing ? "CF_NOT_FOUND" : "CF_DATA_DIR_IO",
      missing
        ? `There is no mirror in ${mirrorDir} (no ${MANIFEST_FILE}). Check the data directory, or start the server once.`
        : `Can't read ${path}: ${errorMessage(error)}`,
      { cause: error },
    );
  }
  return parseManifest(bytes, path).state.snapshot();
}
