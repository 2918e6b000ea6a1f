import { CounterfoilError } from "../../schema/index.js";

/** A file that can't be imported, and why. */
export function invalidFile(path: string, why: string, cause?: unknown): CounterfoilError {
  return new CounterfoilError("CF_IMPORT_FILE_INVALID", `Can't import ${path}: ${why}.`, { cause });
}
