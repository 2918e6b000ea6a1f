import { describe, expect, it } from "vitest";
import { dialectsPage } from "../../../schema/genai/dialects-page.js";

describe("docs/dialects.md", () => {
  it("is what the rule tables say (run this file with -u to write it again)", async () => {
    await expect(dialectsPage()).toMatchFileSnapshot("../../../docs/dialects.md");
  });
});
