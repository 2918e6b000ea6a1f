import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../schema/index.js";

describe("docs/errors.md", () => {
  it("has one entry for each error code, and none for others", () => {
    const page = readFileSync(fileURLToPath(new URL("../../docs/errors.md", import.meta.url)), "utf8");
    const entries = [...page.matchAll(/^\| `(CF_\w+)` *\|/gm)].map((match) => match[1] ?? "");
    expect(entries.sort()).toEqual([...ERROR_CODES].sort());
  });
});
