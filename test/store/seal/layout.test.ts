import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RULE_SET_VERSION } from "../../../schema/index.js";
import { liftCode, liftsOf, parseLayout, VALUE_CODES } from "../../../store/seal/lift-codes.js";

const page = readFileSync(
  fileURLToPath(new URL("../../../docs/mirror-lossless.md", import.meta.url)),
  "utf8",
);

describe("attribute_layout", () => {
  it("is documented: every type code and every column code of this rule set", () => {
    const rows = page.split("\n").map((line) => line.replaceAll(/\s+/g, " "));
    for (const code of VALUE_CODES) expect(rows.some((row) => row.startsWith(`| \`${code}\` |`))).toBe(true);
    for (const [index, { column, key }] of liftsOf(RULE_SET_VERSION).entries()) {
      expect(rows).toContain(`| \`${liftCode(index)}\` | \`${column}\` | \`${key}\` |`);
    }
  });

  it("has one code for each of the 1,612 places it can name, and refuses more", () => {
    const codes = new Set(Array.from({ length: 1_612 }, (_, index) => liftCode(index)));
    expect(codes.size).toBe(1_612);
    expect([...codes].every((code) => /^[A-Z][0-9A-Za-z]$/.test(code))).toBe(true);
    expect(() => liftCode(1_612)).toThrow(/more sources/);
  });

  it("reads types, columns, and columns with another type, in order", () => {
    const [first, second] = liftsOf(RULE_SET_VERSION);
    expect(parseLayout(`s${liftCode(0)}${liftCode(1)}.av`, RULE_SET_VERSION)).toEqual([
      { code: "s" },
      { code: first?.natural, lift: first },
      { code: "a", lift: second },
      { code: "v" },
    ]);
  });

  it("refuses a code or a rule set that this version does not know", () => {
    expect(() => parseLayout("q", RULE_SET_VERSION)).toThrow(/code "q"/);
    expect(() => parseLayout("Zz", RULE_SET_VERSION)).toThrow(/code "Zz"/);
    expect(() => parseLayout("A0", RULE_SET_VERSION + 1)).toThrow(/rule set version/);
  });
});
