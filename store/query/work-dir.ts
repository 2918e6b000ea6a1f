import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CounterfoilError } from "../../schema/index.js";
import { dataDirPaths } from "../data-dir.js";

/** Prefix of the folders that queries work in, below the data directory's `temp/` or the system's. */
export const QUERY_FOLDER_PREFIX = "query-";

/**
 * A private folder for one query or reader, absolute: below the data directory when that can be written, so that `temp/`
 * bounds it. Throws CF_DATA_DIR_IO.
 */
export async function createWorkDir(dataDir: string): Promise<string> {
  for (const parent of [dataDirPaths(dataDir).temp, tmpdir()]) {
    try {
      return resolve(await mkdtemp(join(parent, QUERY_FOLDER_PREFIX)));
    } catch {
      // Read-only or not there yet: the next one.
    }
  }
  throw new CounterfoilError("CF_DATA_DIR_IO", `Can't create a folder for the query in ${tmpdir()}.`);
}
