import { describe, expect, it } from "vitest";
import { normaliseSpan } from "../../../schema/index.js";
import { FIXTURE_NAMES, traceRequests } from "../../support/genai-fixtures.js";

interface UsageSpan {
  readonly id: string;
  readonly parent: string;
  readonly name: string;
  readonly scope: string;
  readonly usage: string | undefined;
  readonly tokens: string;
}

function usageSpans(fixture: string): UsageSpan[] {
  return traceRequests(fixture).flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span) => {
          const { columns } = normaliseSpan({ ...span, scope, resource });
          return {
            id: `${span.traceId} ${span.spanId}`,
            parent: `${span.traceId} ${span.parentSpanId}`,
            name: span.name,
            scope: scope?.name ?? "",
            usage: columns.usage_scope as string | undefined,
            tokens: `${columns.input_tokens ?? 0}/${columns.output_tokens ?? 0}`,
          };
        }),
      ),
    ),
  );
}

/** The span's ancestors that were captured, the nearest first. */
function ancestors(span: UsageSpan, all: ReadonlyMap<string, UsageSpan>): UsageSpan[] {
  const parent = all.get(span.parent);
  return parent === undefined ? [] : [parent, ...ancestors(parent, all)];
}

/** Captures in which two instrumentations report the same call, one below the other: the traces view counts it once. */
const TWICE = ["py-pydantic-ai-v2", "py-pydantic-ai-v5", "py-pydantic-ai-v6"];

describe("usage that adds up", () => {
  it.each(FIXTURE_NAMES)("%s: no call's tokens are counted again by a span above it", (fixture) => {
    const spans = usageSpans(fixture);
    const all = new Map(spans.map((span) => [span.id, span]));
    const nested = spans
      .filter(({ usage }) => usage === "own")
      .flatMap((span) =>
        ancestors(span, all)
          .filter(({ usage }) => usage === "own")
          .map((above) => ({ span, above })),
      );
    if (!TWICE.includes(fixture)) return expect(nested).toEqual([]);
    expect(nested.length).toBeGreaterThan(0);
    for (const { span, above } of nested) {
      expect([above.id, above.tokens, above.scope === span.scope]).toEqual([span.parent, span.tokens, false]);
    }
    return undefined;
  });

  it.each(FIXTURE_NAMES)("%s: what a span rolls up is reported by calls below it", (fixture) => {
    const spans = usageSpans(fixture);
    const all = new Map(spans.map((span) => [span.id, span]));
    const counted = new Set(
      spans
        .filter(({ usage }) => usage === "own")
        .flatMap((span) => ancestors(span, all).map(({ id }) => id)),
    );
    const lost = spans.filter(
      ({ id, tokens, usage }) => usage === "rollup" && tokens !== "0/0" && !counted.has(id),
    );
    expect(lost.map(({ name, tokens }) => `${name} ${tokens}`)).toEqual([]);
  });
});
