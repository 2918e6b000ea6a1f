import { createRequire } from "node:module";

/** The version of the package that this file is part of. */
export const VERSION: string = (
  createRequire(import.meta.url)("counterfoil/package.json") as { version: string }
).version;
