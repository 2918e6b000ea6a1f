import { describe, expect, it } from "vitest";
import { isMapped } from "../../../schema/genai/detect.js";
import { normaliseSpan } from "../../../schema/genai/normalise.js";
import { PROVIDER_ALIASES, PROVIDERS, toProvider } from "../../../schema/genai/providers.js";
import { currentName, formerNames, RENAMES } from "../../../schema/genai/renames.js";
import { type Plain, spanOf } from "./spans.js";

/** A value that fits a name, so that it fills its column. */
function valueFor(name: string): Plain {
  if (name.includes("usage")) return 7;
  return name.includes("messages") || name === "gen_ai.prompt" || name === "gen_ai.completion"
    ? '[{"role":"user","content":"hi"}]'
    : "openai";
}

const COLUMN_RENAMES = RENAMES.filter(({ kind, old }) => kind === "attribute" && isMapped(old));

describe("names that the conventions changed", () => {
  it.each(COLUMN_RENAMES.map((rename) => [rename.old, rename.new] as const))(
    "%s and %s fill the same column with the same value",
    (old, current) => {
      const base: { [key: string]: Plain } = { "gen_ai.operation.name": "chat" };
      const before = normaliseSpan(spanOf({ ...base, [old]: valueFor(old) })).columns;
      const after = normaliseSpan(spanOf({ ...base, [current]: valueFor(current) })).columns;
      expect(before).toEqual(after);
      expect(Object.keys(after).length).toBeGreaterThan(2);
    },
  );

  it("covers every rename that has a column", () => {
    expect(COLUMN_RENAMES.map(({ old }) => old)).toEqual([
      "gen_ai.usage.prompt_tokens",
      "gen_ai.usage.completion_tokens",
      "gen_ai.prompt",
      "gen_ai.completion",
      "gen_ai.system",
      "gen_ai.openai.request.service_tier",
      "gen_ai.openai.response.service_tier",
      "gen_ai.usage.cache_creation.input_tokens",
    ]);
  });

  it("are found both ways", () => {
    for (const rename of RENAMES) {
      expect(currentName(rename.old)).toBe(rename.new);
      expect(formerNames(rename.new)).toContain(rename.old);
    }
    expect(currentName("gen_ai.provider.name")).toBe("gen_ai.provider.name");
    expect(formerNames("gen_ai.unheard_of")).toEqual([]);
  });

  it("both names on one span: the current one counts", () => {
    const { columns } = normaliseSpan(
      spanOf({
        "gen_ai.usage.cache_creation.input_tokens": 1,
        "gen_ai.usage.cache_write.input_tokens": 2,
        "gen_ai.system": "groq",
        "gen_ai.provider.name": "openai",
      }),
    );
    expect(columns).toMatchObject({ cache_write_tokens: 2, provider: "openai" });
  });
});

describe("providers", () => {
  it("every alias leads to a name of the conventions, which stays as it is", () => {
    for (const [alias, name] of Object.entries(PROVIDER_ALIASES)) {
      expect(PROVIDERS).toContain(name);
      expect(toProvider(alias)).toBe(name);
    }
    for (const name of PROVIDERS) expect(toProvider(name)).toBe(name);
  });

  it.each([
    ["openai.chat", "openai"],
    ["Azure-OpenAI.responses", "azure.ai.openai"],
    ["google.vertex.chat", "gcp.vertex_ai"],
    ["AMAZON-BEDROCK", "aws.bedrock"],
    ["my-own-gateway", "my-own-gateway"],
    ["langchain", undefined],
    ["", undefined],
  ])("%s is %s", (given, expected) => {
    expect(toProvider(given)).toBe(expected);
  });
});
