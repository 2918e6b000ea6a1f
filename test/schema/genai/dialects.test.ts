import { describe, expect, it } from "vitest";
import { DIALECTS } from "../../../schema/genai/dialects/index.js";
import { normaliseSpan } from "../../../schema/genai/normalise.js";
import { FRAMEWORK_CASES } from "./cases-frameworks.js";
import { STANDARD_CASES } from "./cases-standards.js";
import { columnsOf, spanOf } from "./spans.js";

const CASES = [...STANDARD_CASES, ...FRAMEWORK_CASES];

describe("dialects", () => {
  it.each(CASES.map((item) => [item.dialect, item.what, item] as const))("%s: %s", (_name, _what, item) => {
    expect(normaliseSpan(spanOf(item.attributes, item.extras)).dialects).toContain(item.dialect);
    expect(columnsOf(item.attributes, item.extras)).toMatchObject(item.expected);
  });

  it("each dialect of the rule set has a case here", () => {
    const shown = new Set(CASES.map(({ dialect }) => dialect));
    expect(DIALECTS.map(({ name }) => name).filter((name) => name !== "generic" && !shown.has(name))).toEqual(
      [],
    );
  });
});
