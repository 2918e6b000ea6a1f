import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  canonicalJson,
  exampleHash,
  type JsonObject,
  type JsonValue,
  versionHash,
  wellFormedJson,
} from "../../schema/index.js";

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>;

test("canonical JSON is that of RFC 8785: its own examples of numbers, escapes and order", () => {
  const given = JSON.parse(
    String.raw`{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}`,
  ) as JsonValue;
  expect(canonicalJson(given)).toBe(
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
  const names = JSON.parse(
    String.raw`{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew", "1": "One", "\ud83d\ude00": "Emoji", "\u0080": "Control", "\u00f6": "Latin"}`,
  ) as JsonObject;
  expect(Object.keys(JSON.parse(canonicalJson(Object.entries(names))) as object)).toHaveLength(7);
  expect([...canonicalJson(names).matchAll(/:"(\w+)/g)].map(([, word]) => word)).toEqual([
    "Carriage",
    "One",
    "Control",
    "Latin",
    "Euro",
    "Emoji",
    "Hebrew",
  ]);
});

test("canonical JSON says the same value, and does not know the order of members", () => {
  const reversed = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return (value as JsonValue[]).map(reversed);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, reversed(member)]),
    );
  };
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(reversed(value))).toBe(text);
    }),
  );
});

test("JSON is made well-formed text by text, and nothing else of it changes", () => {
  // Halves of pairs, whole ones, and what looks like an escape of one.
  const unit = fc.constantFrom(
    "\ud800",
    "\udfff",
    "\ud83d\ude00",
    "\\",
    "\\ud800",
    '"',
    "u",
    "d",
    "\n",
    "\u2028",
  );
  const text = fc.string({ unit, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 3 }), (pairs) => {
      const whole = (each: string): string => Buffer.from(each, "utf8").toString("utf8");
      const wanted = pairs.map(([key, value]) => ({ [whole(key)]: whole(value) }));
      const given = pairs.map(([key, value]) => ({ [key]: value }));
      expect(JSON.parse(wellFormedJson(JSON.stringify(given)))).toEqual(wanted);
    }),
  );
});

/** RFC 6962, section 2.1, as it is written there: split at the largest power of two below n. */
function merkle(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return createHash("sha256").digest();
  if (leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const node = Buffer.concat([Buffer.of(1), merkle(leaves.slice(0, split)), merkle(leaves.slice(split))]);
  return createHash("sha256").update(node).digest();
}

test("a version's hash is the Merkle root of RFC 6962 over its sorted examples, whatever their order", () => {
  const hash = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString("hex"));
  fc.assert(
    fc.property(fc.array(hash, { maxLength: 70 }), (hashes) => {
      const sorted = [...hashes].sort().map((each) => Buffer.from(each, "hex"));
      expect(versionHash(hashes)).toBe(merkle(sorted).toString("hex"));
      expect(versionHash([...hashes].reverse())).toBe(versionHash(hashes));
    }),
  );
});

test("an example's hash tells its content apart, and knows nothing of ids, times, provenance and what is absent or null", () => {
  const content = fc.record({
    inputs: fc.dictionary(fc.string(), json, { maxKeys: 3 }),
    outputs: fc.option(fc.dictionary(fc.string(), json, { maxKeys: 3 })),
  }) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(content, content, (left, right) => {
      const same = canonicalJson(left) === canonicalJson(right);
      expect(exampleHash(left) === exampleHash(right)).toBe(same);
      const dressed = {
        ...left,
        metadata: null,
        dataset_id: "x",
        created_at: "y",
        provenance: {},
        attachments: [],
      };
      expect(exampleHash(dressed)).toBe(exampleHash(left));
    }),
  );
  const file = (content: string): JsonObject => ({
    inputs: {},
    attachments: [{ name: "a", mime_type: "text/plain", content }],
  });
  expect(exampleHash(file("aGk="))).toBe(exampleHash(file("aGk")));
  expect(exampleHash(file("aGk="))).not.toBe(exampleHash(file("aGo=")));
});
