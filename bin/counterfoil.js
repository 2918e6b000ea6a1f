#!/usr/bin/env node
// Committed, not built, so that a checkout's `npx counterfoil` can be linked before the first build.
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error("counterfoil is not built yet. Run `npm run build` in its folder first.");
  process.exitCode = 1;
}
