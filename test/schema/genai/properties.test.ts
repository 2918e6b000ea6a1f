import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AnyValue, KeyValue } from "../../../schema/index.js";
import { COMPILED, planFor } from "../../../schema/genai/compile.js";
import { detectDialects } from "../../../schema/genai/detect.js";
import { DIALECTS } from "../../../schema/genai/dialects/index.js";
import { explainSpan, normaliseSpan } from "../../../schema/genai/normalise.js";
import { SpanView } from "../../../schema/genai/span-view.js";
import { JSON_COLUMNS, type NormaliserInput } from "../../../schema/genai/types.js";
import { FIXTURE_NAMES, fixtureSpans } from "../../support/genai-fixtures.js";

/** Every attribute that some rule reads or some dialect is known by; a number or a name stands for the rest. */
const KNOWN = [
  ...new Set(
    DIALECTS.flatMap(({ detect, columns }) => [
      ...(detect.attributes ?? []),
      ...Object.keys(detect.values ?? {}),
      ...Object.values(columns)
        .flat()
        .map((rule) => (typeof rule === "string" ? rule : rule.from))
        .filter((from) => !from.startsWith("@"))
        .map((from) => from.split("#")[0] ?? ""),
    ]),
  ),
];
const SCOPES = [...new Set(DIALECTS.flatMap(({ detect }) => detect.scopes ?? []))].map((name) =>
  name.replace("*", "x"),
);
const TAILS = [
  "0.message.role",
  "0.message.content",
  "1.message.tool_calls.0.tool_call.function.name",
  "0.role",
  "0.content",
  "__proto__.x",
  "4294967295.role",
  "a",
];

const key = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(...KNOWN), fc.constantFrom(...TAILS))
      .map(([name, tail]) => (name.endsWith("*") ? name.slice(0, -1) + tail : name)),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
);
const names = [
  "role",
  "content",
  "parts",
  "type",
  "text",
  "messages",
  "tool_calls",
  "function",
  "name",
  "arguments",
  "input",
  "output",
  "choices",
  "message",
  "contents",
  "kwargs",
  "id",
  "usage",
  "__proto__",
  "constructor",
];
const word = fc.constantFrom(
  "user",
  "model",
  "text",
  "tool_use",
  "tool_result",
  "image",
  "constructor",
  "function_call",
  "hi",
  "",
  "[{",
  "12",
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    word,
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 3 })), tie("value"), {
      maxKeys: 5,
    }),
  ),
})).value;
const anyValue = fc.letrec<{ value: AnyValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    json.map((value) => ({ stringValue: JSON.stringify(value) ?? "" })),
    fc.string().map((stringValue) => ({ stringValue })),
    word.map((stringValue) => ({ stringValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((intValue) => ({ intValue })),
    fc.nat(1000).map((value) => ({ intValue: BigInt(value) })),
    fc.double().map((doubleValue) => ({ doubleValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.uint8Array({ maxLength: 4 }).map((bytesValue) => ({ bytesValue })),
    fc.constant({}),
    fc.array(tie("value"), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc
      .array(fc.record({ key: fc.constantFrom(...names), value: tie("value") }), { maxLength: 3 })
      .map((values) => ({ kvlistValue: { values } })),
  ),
})).value;

const attributes: fc.Arbitrary<KeyValue[]> = fc.uniqueArray(fc.record({ key, value: anyValue }), {
  selector: (item) => item.key,
  maxLength: 25,
});
const span: fc.Arbitrary<NormaliserInput> = fc.record({
  name: fc.string(),
  startTimeUnixNano: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  attributes,
  events: fc.array(
    fc.record({
      timeUnixNano: fc.bigInt({ min: 0n, max: 5n }),
      name: fc.constantFrom(
        "gen_ai.user.message",
        "gen_ai.choice",
        "gen_ai.tool.message",
        "gen_ai.client.inference.operation.details",
        "db.query.result",
        "exception",
        "x",
      ),
      attributes,
      droppedAttributesCount: fc.constant(0),
    }),
    { maxLength: 3 },
  ),
  scope: fc.option(
    fc
      .constantFrom(...SCOPES)
      .map((name) => ({ name, version: "", attributes: [], droppedAttributesCount: 0 })),
    { nil: undefined },
  ),
  resource: fc.constant(undefined),
});

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 1_000);

describe("the normaliser", () => {
  it("never throws, and every JSON column it fills is JSON", () => {
    fc.assert(
      fc.property(span, (input) => {
        const { columns } = explainSpan(input);
        for (const [column, value] of Object.entries(columns)) {
          if (JSON_COLUMNS.has(column)) JSON.parse(String(value));
          else if (typeof value === "number") expect(Number.isFinite(value)).toBe(true);
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("gives the same for the same span, and for its attributes in any order", () => {
    fc.assert(
      fc.property(span, fc.infiniteStream(fc.nat()), (input, random) => {
        const shuffled = [...input.attributes];
        for (let i = shuffled.length - 1; i > 0; i--) {
          const j = (random.next().value ?? 0) % (i + 1);
          [shuffled[i], shuffled[j]] = [shuffled[j] as KeyValue, shuffled[i] as KeyValue];
        }
        const first = normaliseSpan(input);
        expect(normaliseSpan(input)).toEqual(first);
        expect(normaliseSpan({ ...input, attributes: shuffled })).toEqual(first);
      }),
      { numRuns: RUNS },
    );
  });

  it("leaves a rule out of a span's plan only where its source says nothing", () => {
    fc.assert(
      fc.property(span, (input) => {
        const view = new SpanView(input);
        const dialects = detectDialects(input, view);
        const plan = planFor(dialects, view);
        for (const [column, rules] of COMPILED) {
          const active = rules.filter(({ dialect }) => dialects.includes(dialect));
          const left = plan.get(column) ?? [];
          expect(active.filter((rule) => left.includes(rule))).toEqual(left);
          for (const rule of active)
            if (!left.includes(rule)) expect(rule.read(view) ?? undefined).toBe(undefined);
        }
      }),
      { numRuns: RUNS / 4 },
    );
  });

  it("explains exactly what it fills", () => {
    fc.assert(
      fc.property(span, (input) => {
        const { columns, provenance, dialects } = normaliseSpan(input);
        expect(explainSpan(input)).toMatchObject({ columns, provenance, dialects });
      }),
      { numRuns: RUNS / 4 },
    );
  });

  it.each(FIXTURE_NAMES)("%s: messages always have a role and parts with a type", (name) => {
    for (const { input } of fixtureSpans(name)) {
      const { columns } = normaliseSpan(input);
      for (const column of ["input_messages", "output_messages"] as const) {
        const messages = JSON.parse(String(columns[column] ?? "[]")) as {
          role: unknown;
          parts: { type: unknown }[];
        }[];
        for (const { role, parts } of messages) {
          expect(typeof role).toBe("string");
          for (const { type } of parts) expect(typeof type).toBe("string");
        }
      }
    }
  });
});
