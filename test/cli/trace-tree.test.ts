import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPaint } from "../../cli/output/paint.js";
import { renderTraceTree, type TreeSpan } from "../../cli/output/trace-tree.js";
import { displayWidth } from "../../cli/output/text.js";

const plain = { paint: createPaint(false), content: false, full: false } as const;

function span(id: string, parent: string | null, over: Partial<TreeSpan> = {}): TreeSpan {
  return {
    span_id: id,
    parent_span_id: parent,
    name: `span ${id}`,
    run_type: null,
    duration_ns: null,
    status_code: null,
    status_message: null,
    error_type: null,
    model: null,
    input_tokens: null,
    output_tokens: null,
    cost_usd: null,
    ...over,
  };
}

const sorted = (ids: readonly string[]): string[] => ids.toSorted((a, b) => a.localeCompare(b));

describe("the tree of a trace", () => {
  it("draws children under their parent with time, model, tokens, cost and errors", () => {
    const text = renderTraceTree(
      [
        span("a", null, { name: "agent", run_type: "chain", duration_ns: "2500000000" }),
        span("b", "a", {
          name: "chat",
          run_type: "llm",
          duration_ns: 1.2e9,
          model: "gpt-5",
          input_tokens: "1310",
          output_tokens: 45,
          cost_usd: 0.00123,
        }),
        span("c", "b", { name: "lookup" }),
        span("d", "a", { name: "refund", status_code: "ERROR", status_message: "timed out" }),
      ],
      plain,
    );
    expect(text).toBe(
      [
        "agent  chain · 2.50 s",
        "├─ chat  llm · 1.20 s · gpt-5 · 1,310 → 45 tokens · $0.00123",
        "│  └─ lookup",
        "└─ refund ✗ timed out",
        "",
      ].join("\n"),
    );
  });

  it("has every span exactly once, also with missing parents, self parents and cycles", () => {
    const id = fc.integer({ min: 0, max: 12 }).map(String);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(id, fc.option(id)), { selector: ([own]) => own, maxLength: 13 }),
        (pairs) => {
          const text = renderTraceTree(
            pairs.map(([own, parent]) => span(own, parent)),
            plain,
          );
          const drawn = [...text.matchAll(/span (\d+)/g)].map((match) => match[1] ?? "");
          expect(sorted(drawn)).toEqual(sorted(pairs.map(([own]) => own)));
        },
      ),
      { numRuns: 500 },
    );
    expect(renderTraceTree([span("a", "b"), span("b", "a")], plain)).toContain("parents form a cycle");
    expect(renderTraceTree([span("a", "zz")], plain)).toContain("parent zz not here");
  });

  it("survives a chain of ten thousand spans", () => {
    const spans = Array.from({ length: 10_000 }, (_, n) => span(String(n), n === 0 ? null : String(n - 1)));
    expect(renderTraceTree(spans, { ...plain, width: 80 }).split("\n")).toHaveLength(10_001);
  });

  it("makes escape sequences in names, errors, models and messages inert", () => {
    const evil = "\u001b[2J\u001b]0;owned\u0007\r\u202e";
    const text = renderTraceTree(
      [
        span("a", evil, {
          name: evil,
          model: evil,
          run_type: evil,
          status_code: "ERROR",
          status_message: evil,
          input_messages: JSON.stringify([
            { role: evil, parts: [{ type: "text", content: `${evil}\n${evil}` }] },
          ]),
          tool_result: evil,
        }),
      ],
      { ...plain, content: true, full: true },
    );
    // oxlint-disable-next-line no-control-regex -- what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain("␛[2J");
  });

  it("shows the newest messages of a long history in one line each, and all of it with full", () => {
    const messages = Array.from({ length: 6 }, (_, n) => ({
      role: "user",
      content: `message ${n}\nmore ${"x".repeat(300)}`,
    }));
    const spans = [
      span("a", null, { input_messages: JSON.stringify(messages), tool_arguments: '{"night":1}' }),
    ];
    const short = renderTraceTree(spans, { ...plain, content: true, width: 60 });
    expect(short).toContain("4 earlier messages");
    expect(short).toContain("user: message 5 more");
    expect(short).not.toContain("message 3");
    expect(short).toContain('arguments: {"night":1}');
    for (const line of short.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(60);
    const full = renderTraceTree(spans, { ...plain, content: true, full: true, width: 60 });
    for (let n = 0; n < 6; n++) expect(full).toContain(`user: message ${n}\n`);
  });
});
