import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createProcessors, type ProcessorConfig } from "../../../exporters/processors/index.js";
import type { AnyValue, KeyValue, Span, TracesData } from "../../../schema/index.js";

const text = (key: string, value: string): KeyValue => ({ key, value: { stringValue: value } });

function span(id: string, parent = "", more: Partial<Span> = {}): Span {
  return {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: id.padStart(16, "0"),
    traceState: "",
    parentSpanId: parent === "" ? "" : parent.padStart(16, "0"),
    flags: 0,
    name: `span ${id}`,
    kind: 1,
    startTimeUnixNano: 1n,
    endTimeUnixNano: 2n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...more,
  };
}

function traces(spans: Span[], resource: KeyValue[] = []): TracesData {
  return {
    resourceSpans: [
      {
        resource: { attributes: resource, droppedAttributesCount: 0, entityRefs: [] },
        scopeSpans: [{ spans, schemaUrl: "" }],
        schemaUrl: "",
      },
    ],
  };
}

const spansOf = (data: TracesData): Span[] =>
  data.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans));

function run(configs: ProcessorConfig[], data: TracesData) {
  const [processor] = createProcessors(configs);
  if (processor === undefined) throw new Error("no processor");
  return processor.process("traces", data);
}

const dropNoise: ProcessorConfig = {
  id: "filter/noise",
  type: "filter",
  keepAncestors: true,
  rules: [{ name: "noise", attributes: { noise: { equals: "yes" } } }],
};

describe("filter", () => {
  it("drops what matches every condition of a rule and counts it under the rule", () => {
    const data = traces([span("1", "", { attributes: [text("noise", "yes")] }), span("2")]);
    const result = run([dropNoise], data);
    expect(spansOf(result.data).map((each) => each.name)).toEqual(["span 2"]);
    expect(result.filtered).toEqual({ "filter/noise/noise": 1 });
  });

  it("drops resources and scopes that have become empty", () => {
    const result = run([dropNoise], traces([span("1", "", { attributes: [text("noise", "yes")] })]));
    expect(result.data).toEqual({ resourceSpans: [] });
  });

  it("matches names, kinds and resource attributes", () => {
    const config: ProcessorConfig = {
      id: "filter",
      type: "filter",
      keepAncestors: false,
      rules: [
        {
          name: "health",
          itemName: { matches: "^GET /health" },
          kinds: ["server"],
          resource: { "service.name": { exists: true } },
        },
      ],
    };
    const health = span("1", "", { name: "GET /healthz", kind: 2 });
    expect(spansOf(run([config], traces([health], [text("service.name", "a")])).data)).toEqual([]);
    expect(spansOf(run([config], traces([health])).data)).toEqual([health]);
    expect(
      spansOf(run([config], traces([{ ...health, kind: 3 }], [text("service.name", "a")])).data),
    ).toHaveLength(1);
  });

  it("keeps a matching span when a later batch's kept child needed it, up the whole chain", () => {
    const [processor] = createProcessors([dropNoise]);
    const noisy = { attributes: [text("noise", "yes")] };
    processor?.process("traces", traces([span("3", "2")]));
    const second = processor?.process("traces", traces([span("2", "1", noisy)]));
    const third = processor?.process("traces", traces([span("1", "", noisy), span("9", "", noisy)]));
    expect(spansOf(second?.data ?? traces([])).map((each) => each.name)).toEqual(["span 2"]);
    expect(spansOf(third?.data ?? traces([])).map((each) => each.name)).toEqual(["span 1"]);
    expect(third?.filtered).toEqual({ "filter/noise/noise": 1 });
  });

  it("never drops an ancestor of a kept span of the same batch, and drops every other match", () => {
    const forest = fc.array(fc.record({ parent: fc.nat(), noisy: fc.boolean() }), { maxLength: 30 });
    fc.assert(
      fc.property(forest, (nodes) => {
        const spans = nodes.map(({ parent, noisy }, index) =>
          span(String(index + 1), index === 0 ? "" : String((parent % index) + 1), {
            attributes: noisy ? [text("noise", "yes")] : [],
          }),
        );
        const needed = new Set<string>();
        for (const each of spans) {
          if (each.attributes.length > 0) continue;
          for (let at: Span | undefined = each; at !== undefined;) {
            needed.add(at.spanId);
            const { parentSpanId }: Span = at;
            at = spans.find((other) => other.spanId === parentSpanId);
          }
        }
        const result = run([dropNoise], traces(spans));
        expect(spansOf(result.data).map((each) => each.spanId)).toEqual(
          spans.map((each) => each.spanId).filter((id) => needed.has(id)),
        );
      }),
    );
  });
});

describe("attributes", () => {
  it("inserts, updates, upserts, deletes, hashes and extracts in order", () => {
    const config: ProcessorConfig = {
      id: "attributes",
      type: "attributes",
      target: "item",
      actions: [
        { action: "insert", key: "a", value: "new" },
        { action: "insert", key: "b", value: 2 },
        { action: "update", key: "c", value: true },
        { action: "update", key: "absent", value: "x" },
        { action: "upsert", key: "d", fromAttribute: "a" },
        { action: "delete", key: "e" },
        { action: "hash", key: "f" },
        { action: "extract", key: "url", pattern: "^/users/(?<user>\\w+)" },
      ],
    };
    const attributes = [
      text("a", "old"),
      text("c", "x"),
      text("e", "1"),
      text("e", "2"),
      text("f", "secret"),
    ];
    const data = traces([span("1", "", { attributes: [...attributes, text("url", "/users/ada/x")] })]);
    expect(spansOf(run([config], data).data)[0]?.attributes).toEqual([
      text("a", "old"),
      { key: "c", value: { boolValue: true } },
      text("f", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"),
      text("url", "/users/ada/x"),
      { key: "b", value: { intValue: 2n } },
      text("d", "old"),
      text("user", "ada"),
    ]);
  });

  it("changes a shared resource once", () => {
    const config: ProcessorConfig = {
      id: "attributes",
      type: "attributes",
      target: "resource",
      actions: [{ action: "hash", key: "user" }],
    };
    const { data } = run([config], traces([span("1"), span("2")], [text("user", "secret")]));
    expect(data.resourceSpans[0]?.resource?.attributes).toEqual([
      text("user", "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"),
    ]);
  });

  it("leaves signals alone whose pipelines do not name it", () => {
    const config: ProcessorConfig = {
      id: "attributes",
      type: "attributes",
      signals: ["logs"],
      target: "item",
      actions: [{ action: "insert", key: "a", value: "new" }],
    };
    expect(spansOf(run([config], traces([span("1")])).data)[0]?.attributes).toEqual([]);
  });
});

const redact = (more: Partial<Extract<ProcessorConfig, { type: "redaction" }>>): ProcessorConfig => ({
  id: "redaction",
  type: "redaction",
  keyPatterns: [],
  valuePatterns: [],
  replacement: "[redacted]",
  ...more,
});

describe("redaction", () => {
  const canary = "4111111111111111";

  it("I7: a canary is gone from wherever in a span it stood, at any depth", () => {
    const place: fc.Arbitrary<AnyValue> = fc.letrec<{ value: AnyValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.string().map((around) => ({ stringValue: `${around}${canary}${around}` })),
        fc.constant({ intValue: BigInt(canary) }),
        fc.constant({ bytesValue: Buffer.from(`x${canary}`) }),
        fc.array(tie("value"), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
        fc
          .array(tie("value"), { maxLength: 3 })
          .map((values) => ({ kvlistValue: { values: values.map((value) => ({ key: "k", value })) } })),
      ),
    })).value;
    fc.assert(
      fc.property(fc.array(place, { minLength: 6, maxLength: 6 }), fc.string(), (values, around) => {
        const [a, b, c, d, e, f] = values.map((value, index): KeyValue => ({ key: `key${index}`, value }));
        const list = (attribute: KeyValue | undefined) => (attribute === undefined ? [] : [attribute]);
        const name = around + canary;
        const one = span("1", "", {
          name,
          status: { code: 2, message: name },
          attributes: [...list(a), ...list(b)],
          events: [{ timeUnixNano: 1n, name, attributes: list(c), droppedAttributesCount: 0 }],
          links: [
            {
              traceId: "",
              spanId: "",
              traceState: "",
              attributes: list(d),
              droppedAttributesCount: 0,
              flags: 0,
            },
          ],
        });
        const data = traces([one], [...list(e), ...list(f)]);
        const result = run([redact({ valuePatterns: ["\\d{16}"] })], data);
        const out = JSON.stringify(result.data, (_key, value: unknown) => {
          if (typeof value === "bigint") return String(value);
          return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
        });
        expect(out).not.toContain(canary);
        expect(result.failed).toEqual([]);
      }),
    );
  });

  it("replaces the whole value of attributes whose key matches, nested ones too", () => {
    const nested: KeyValue = { key: "outer", value: { kvlistValue: { values: [text("Password", "p")] } } };
    const data = traces([
      span("1", "", { attributes: [nested, text("user.email", "a@b.c"), text("ok", "ok")] }),
    ]);
    const { data: out } = run([redact({ keyPatterns: ["email$", "password"] })], data);
    expect(spansOf(out)[0]?.attributes).toEqual([
      { key: "outer", value: { kvlistValue: { values: [text("Password", "[redacted]")] } } },
      text("user.email", "[redacted]"),
      text("ok", "ok"),
    ]);
  });

  it("a replacement text is taken literally, so that $& can't put the secret back", () => {
    const data = traces([span("1", "", { name: "secret" })]);
    const { data: out } = run([redact({ valuePatterns: ["secret"], replacement: "$&" })], data);
    expect(spansOf(out)[0]?.name).toBe("$&");
  });

  it("I7: fails closed: a span on which an expression never ends is taken out, its neighbours go on redacted", () => {
    const poison = text("poison", `${"a".repeat(64)}!`);
    const data = traces([
      span("1", "", { name: "aaab" }),
      span("2", "", { attributes: [poison] }),
      span("3"),
    ]);
    const result = run([redact({ valuePatterns: ["^(a+)+b?$", "^a+b$"] })], data);
    expect(spansOf(result.data).map((each) => each.name)).toEqual(["[redacted]", "span 3"]);
    expect(result.failed.map(({ reason }) => reason)).toEqual(["redaction_error"]);
    expect(result.failed.flatMap(({ data: failed }) => spansOf(failed)).map((each) => each.name)).toEqual([
      "span 2",
    ]);
  });
});
