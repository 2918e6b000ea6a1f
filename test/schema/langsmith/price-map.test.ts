import fc from "fast-check";
import { expect, test } from "vitest";
import {
  checkRecord,
  type JsonObject,
  mapEntryOfPrice,
  modelsOfPattern,
  PRICES,
  priceOfMapEntry,
} from "../../../schema/index.js";

const name = fc.stringMatching(/^[a-z0-9][a-z0-9.:/_-]{0,11}[a-z0-9]$/);

test("a pattern that lists names is read as these names, and matches exactly them", () => {
  const piece = fc.record({ stem: name, optional: fc.option(name), open: fc.boolean() });
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.boolean(), (pieces, grouped) => {
      const escape = (text: string): string => text.replaceAll(/[./]/g, "\\$&");
      const each = pieces.map(
        ({ stem, optional, open }) =>
          escape(stem) + (optional === null ? "" : `(?:${escape(optional)})?`) + (open ? ".*" : ""),
      );
      const pattern = grouped ? `^(${each.join("|")})$` : each.join("|");
      const models = modelsOfPattern(pattern) ?? [];
      // The oracle is the regular expression itself.
      const regexp = new RegExp(`^(?:${each.join("|")})$`);
      for (const model of models) {
        expect(regexp.test(model.replace(/\*$/, ""))).toBe(true);
        expect(!model.endsWith("*") || regexp.test(model.replace(/\*$/, "-and-more"))).toBe(true);
      }
      const expected = pieces.flatMap(({ stem, optional, open }) =>
        [stem, ...(optional === null ? [] : [stem + optional])].map((text) => text + (open ? "*" : "")),
      );
      expect([...models].sort()).toEqual([...new Set(expected)].sort());
    }),
    { numRuns: 200 },
  );
});

test("a pattern that is more than a list of names is not guessed at", () => {
  for (const pattern of [
    "gpt.4",
    "gpt-[45]",
    "gpt-\\d+",
    ".*",
    "a.*b",
    "(a",
    "a)",
    "^(a|)$",
    "a+",
    "a{2}",
    "^^a",
    "(a|b)".repeat(20),
  ]) {
    expect([pattern, modelsOfPattern(pattern)]).toEqual([pattern, undefined]);
  }
});

test("an entry becomes a valid price, and the price the same entry again", () => {
  const cost = fc.integer({ min: 0, max: 1_000_000 }).map((micros) => micros / 1e9);
  fc.assert(
    fc.property(name, cost, cost, fc.option(cost), (model, prompt, completion, cached) => {
      const entry: JsonObject = {
        name: "My model",
        match_pattern: `^${model.replaceAll(".", "\\.")}$`,
        match_path: ["model"],
        provider: "google_genai",
        start_time: "2026-07-01T00:00:00+00:00",
        prompt_cost: prompt,
        completion_cost: String(completion),
        ...(cached === null ? {} : { prompt_cost_details: { cache_read: cached } }),
      };
      const read = priceOfMapEntry(entry);
      if (!("data" in read)) throw new Error(read.problem);
      checkRecord(PRICES, read.data);
      expect(read.data).toMatchObject({ provider: "gcp.gemini", models: [model], from: "2026-07-01" });
      const back = mapEntryOfPrice(read.data);
      expect(back).toMatchObject({
        name: "My model",
        match_pattern: entry["match_pattern"],
        provider: "google_genai",
      });
      expect(Number(back["prompt_cost"])).toBeCloseTo(prompt, 15);
      expect(Number(back["completion_cost"])).toBeCloseTo(completion, 15);
      expect(priceOfMapEntry(back)).toEqual(read);
    }),
    { numRuns: 100 },
  );
});

test("what can't be a price says which field is why", () => {
  const good = {
    name: "m",
    match_pattern: "^m$",
    provider: "openai",
    prompt_cost: 1e-6,
    completion_cost: 2e-6,
  };
  const field = (change: JsonObject): unknown => {
    const read = priceOfMapEntry({ ...good, ...change });
    return "data" in read ? read.data : read.field;
  };
  expect(field({ provider: null })).toBe("provider");
  expect(field({ match_pattern: "m[12]" })).toBe("match_pattern");
  expect(field({ prompt_cost: "free" })).toBe("prompt_cost");
  expect(field({ completion_cost: null })).toBe("completion_cost");
  expect(field({ start_time: "soon" })).toBe("start_time");
  expect(field({ completion_cost_details: { reasoning: 5e-6 } })).toBe("completion_cost_details.reasoning");
  expect(field({ completion_cost_details: { reasoning: 2e-6 } })).toMatchObject({
    tiers: [{ above_input_tokens: 0, input: 1, output: 2 }],
  });
});
