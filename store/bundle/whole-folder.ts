import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CounterfoilError, errorMessage } from "../../schema/index.js";
import { syncFolder } from "../seal/durable-folder.js";

/**
 * Makes a new folder that is there whole or not at all: `work` fills one under a temporary name beside it, which gets its name
 * when all of it is on disk. Throws CF_USAGE when `out` is there already, CF_DATA_DIR_IO when it can't be written, and what
 * `work` throws of Counterfoil's own errors.
 */
export async function writeWholeFolder<T>(
  { out: given, signal }: { readonly out: string; readonly signal?: AbortSignal | undefined },
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const out = resolve(given);
  if (existsSync(out)) {
    throw new CounterfoilError("CF_USAGE", `${given} is there already. Name a folder that is not.`);
  }
  const temporary = join(dirname(out), `.${basename(out)}.${process.pid}.tmp`);
  try {
    // Only the last folder must be new: what lies in the way is somebody's.
    await mkdir(dirname(temporary), { recursive: true });
    await mkdir(temporary, { mode: 0o700 });
    const result = await work(temporary);
    syncFolder(temporary);
    await rename(temporary, out);
    syncFolder(dirname(out));
    return result;
  } catch (error) {
    if (error instanceof CounterfoilError || signal?.aborted === true) throw error;
    throw new CounterfoilError("CF_DATA_DIR_IO", `Can't write ${given}: ${errorMessage(error)}`, {
      cause: error,
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
