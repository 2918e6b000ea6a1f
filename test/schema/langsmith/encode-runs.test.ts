import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeOtlp,
  encodeRuns,
  jsonTextOf,
  mergeRawFields,
  parseRunJson,
  RawFields,
  rawFieldsOf,
  readRawFields,
  RUN_JSON_DEPTH_MAX,
  type RunFields,
  type RunRecord,
  type RunValue,
  runToSpan,
  scanElements,
  scanJson,
  type Span,
  writeRunJson,
} from "../../../schema/index.js";
import { arbitraryRun, runJson } from "../../support/run-arbitraries.js";

/** JSON text of a value with spaces and escapes where JSON allows them. */
function spaced(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(/"(?:[^"\\]|\\.)*"/g, (text) => {
    return text.includes("\\") || text.length % 3 > 0 ? text : text.replaceAll("a", "\\u0061");
  });
}

function rawOf(json: string): RawFields {
  const bytes = Buffer.from(`xx${json}yy`);
  return readRawFields(bytes, 2, bytes.length - 2) ?? new RawFields(bytes);
}

/** Attributes by key, as what they say: JSON as its value. */
function comparable(span: Span | undefined): unknown {
  const attributes = (span?.attributes ?? []).map(({ key, value }) => {
    const holdsJson = [
      "langsmith.run",
      "gen_ai.prompt",
      "gen_ai.completion",
      "langsmith.usage_metadata",
    ].includes(key);
    const text = value?.stringValue;
    return [key, holdsJson && text !== undefined ? (JSON.parse(text) as unknown) : value];
  });
  return { ...span, attributes: Object.fromEntries(attributes) as unknown, count: attributes.length };
}

function firstSpan(bytes: Uint8Array): Span | undefined {
  return decodeOtlp("traces", bytes).resourceSpans[0]?.scopeSpans[0]?.spans[0];
}

const usage = fc.record({ input_tokens: fc.nat(), output_tokens: fc.nat() });
const metadata = fc.dictionary(
  fc.oneof(fc.string({ unit: "binary", maxLength: 8 }), fc.constantFrom("ls_model_name", "thread_id")),
  fc.oneof(runJson, fc.integer(), fc.maxSafeInteger(), fc.string({ unit: "binary" }), fc.boolean()),
);
/** What the attributes are made of beside what any run has. */
const more: fc.Arbitrary<RunRecord> = fc.record(
  {
    outputs: fc.record({ usage_metadata: fc.oneof(usage, runJson), text: fc.string() }, { requiredKeys: [] }),
    extra: fc.record(
      {
        metadata: fc.tuple(metadata, fc.option(usage)).map(([some, counts]) => {
          return counts === null ? some : { ...some, usage_metadata: counts };
        }),
        invocation_params: fc.record(
          { model: fc.oneof(fc.string(), fc.nat()), model_name: fc.string() },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    ),
    events: fc.constant([
      { name: "start" },
      { name: "new_token", time: "2026-12-31T23:59:59.5Z" },
    ] as RunRecord[]),
    dotted_order: fc.constant("20261123T100000000000Z0198c0de-1234-7abc-8def-0123456789ab"),
    parent_run_id: fc.oneof(fc.uuid(), fc.string()),
    tags: fc.array(fc.oneof(fc.string({ unit: "binary" }), runJson)),
    error: fc.string({ unit: "binary" }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<RunRecord>;

test("the span that is written from a run's bytes is the span that the mapping makes of its fields", () => {
  fc.assert(
    fc.property(arbitraryRun, more, fc.boolean(), fc.boolean(), (some, others, update, imported) => {
      const json = spaced({ ...some, ...others });
      const run = parseRunJson(json) as RunFields;
      const attachments = update
        ? [{ name: "a.txt", mimeType: "text/plain", content: Buffer.from("ä") }]
        : [];
      const written = encodeRuns([{ fields: rawOf(json), attachments, update, imported }]);
      expect(comparable(firstSpan(written))).toEqual(
        comparable(runToSpan({ run, attachments, update, imported })),
      );
    }),
    { numRuns: 300 },
  );
});

test("I4: what a run says stays in its span as it was written, spaces and digits alike", () => {
  const id = "0198c0de-1234-7abc-8def-0123456789ab";
  const json = `{"id":"${id}","name" : "n", "extra":{"n": 1e400 , "z":-0, "big":12345678901234567890}}`;
  const run = firstSpan(encodeRuns([{ fields: rawOf(json), attachments: [] }]))?.attributes[0];
  expect(run?.value?.stringValue).toBe(
    `{"id":"${id}","name" : "n","extra":{"n": 1e400 , "z":-0, "big":12345678901234567890}}`,
  );
});

/** Texts that are JSON, nearly JSON, or nothing like it. */
const nearlyJson = fc.oneof(
  runJson.map(spaced),
  fc
    .tuple(
      runJson.map(spaced),
      fc.nat(),
      fc.constantFrom("", ",", "}", "]", "0", "\\", '"', "\u0001", "e", "."),
    )
    .map(([json, place, change]) => {
      const at = place % (json.length + 1);
      return `${json.slice(0, at)}${change}${json.slice(at + (place % 2))}`;
    }),
  fc.constantFrom(
    "",
    " ",
    "-",
    "01",
    "1.",
    ".5",
    "1e",
    "+1",
    "nul",
    "truee",
    '"\\x"',
    '"\\u12g4"',
    "[1,]",
    "{,}",
  ),
);

test("the scanner takes exactly what JSON.parse takes", () => {
  fc.assert(
    fc.property(nearlyJson, (text) => {
      const bytes = Buffer.from(`x${text}"}]`);
      const end = bytes.length - 3;
      let expected = true;
      try {
        JSON.parse(text);
      } catch {
        expected = false;
      }
      const scans = (): unknown => scanJson(bytes, 1, end);
      if (expected) expect(scans).not.toThrow();
      else expect(scans).toThrow(SyntaxError);
    }),
    { numRuns: 2_000 },
  );
});

test("fields are those that JSON.parse has, the last of equal names, and none of any other value", () => {
  const name = fc.constantFrom("id", "name", "a", "__proto__", "\u0061b", "ä", "");
  fc.assert(
    fc.property(fc.array(fc.tuple(name, runJson), { maxLength: 60 }), (pairs) => {
      const json = `{${pairs.map(([key, value]) => `${JSON.stringify(key)}: ${spaced(value)}`).join(" , ")}}`;
      const fields = rawOf(json);
      const parsed = JSON.parse(json) as Record<string, RunValue>;
      expect(fields.names.toSorted()).toEqual(Object.keys(parsed).toSorted());
      for (const each of fields.names) expect(fields.value(each)).toEqual(parsed[each]);
    }),
  );
  for (const other of ["[]", "1", '"a"', "null"]) {
    const bytes = Buffer.from(other);
    expect(readRawFields(bytes, 0, bytes.length)).toBeUndefined();
  }
});

test("objects of very many fields, and values nested as deep as may be, take no longer than others", () => {
  const many = rawOf(`{${Array.from({ length: 200_000 }, (_, at) => `"f${at}":${at}`).join(",")}}`);
  expect(many.value("f199999")).toBe(199_999);
  const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const at = (json: string): Parameters<typeof scanJson> => [Buffer.from(json), 0, json.length];
  expect(() => scanJson(...at(nested(RUN_JSON_DEPTH_MAX)))).not.toThrow();
  expect(() => scanJson(...at(nested(RUN_JSON_DEPTH_MAX + 1)))).toThrow(/nested more than/);
  expect(() => jsonTextOf(nested(RUN_JSON_DEPTH_MAX + 1))).toThrow(/nested more than/);
});

test("merged fields are those of all, in bytes of their own; lists give their elements", () => {
  const first = rawOf(`{"a":1,"b":"x","c":null}`);
  const second = rawOf(`{"b":null,"c":3,"d":[1, "]",{}]}`);
  const merged = mergeRawFields([first, second], (layer, at) => !layer.isNull(at));
  expect(merged.names.map((each) => [each, merged.value(each)])).toEqual([
    ["a", 1],
    ["b", "x"],
    ["c", 3],
    ["d", [1, "]", {}]],
  ]);
  expect(merged.bytes.length).toBe(merged.size);
  const elements: string[] = [];
  scanElements(merged.bytes, merged.start(merged.find("d")), (start, end) => {
    elements.push(merged.bytes.toString("utf8", start, end));
  });
  expect(elements).toEqual(["1", '"]"', "{}"]);
  expect(writeRunJson(first.with("b", 12).value("b"))).toBe("12");
  expect(rawFieldsOf({ a: [1] }).value("a")).toEqual([1]);
});
