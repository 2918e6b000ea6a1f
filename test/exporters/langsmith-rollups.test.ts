import { expect, it } from "vitest";
import { translateSpanForLangSmith } from "../../exporters/langsmith/translate.js";
import { normaliseSpan } from "../../schema/index.js";
import { FIXTURE_NAMES, traceRequests } from "../support/genai-fixtures.js";

/** Attributes of which LangSmith makes a run's usage. */
const READ = /^(gen_ai\.usage|llm\.token_count|llm\.usage)\.|^langsmith\.usage_metadata$/;

it("of every captured span that sums up others, LangSmith gets no token counts to add to theirs; nothing else is lost", () => {
  let rollups = 0;
  for (const request of FIXTURE_NAMES.flatMap(traceRequests)) {
    for (const { resource, scopeSpans } of request.resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          const { columns } = normaliseSpan({ ...span, scope, resource });
          if (columns.usage_scope !== "rollup") continue;
          const { attributes } = translateSpanForLangSmith(span, resource, scope);
          const counts = span.attributes.filter(({ key }) => READ.test(key));
          expect(attributes.filter(({ key }) => READ.test(key))).toEqual([]);
          const values = attributes
            .filter(({ key }) => key.includes("aggregated_"))
            .map(({ value }) => value);
          for (const { value } of counts) expect(values).toContainEqual(value);
          if (counts.length > 0) rollups++;
        }
      }
    }
  }
  expect(rollups).toBeGreaterThan(10);
});
