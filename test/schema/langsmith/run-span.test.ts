import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeOtlp,
  dottedOrderNanos,
  encodeOtlp,
  nameUuid,
  nanosToRunTime,
  runSpanId,
  runTimeNanos,
  runToSpan,
  spanToNativeRun,
  writeRunJson,
} from "../../../schema/index.js";
import { arbitraryRun } from "../../support/run-arbitraries.js";

const attachment = fc.record({
  name: fc.string({ minLength: 1, maxLength: 10 }),
  mimeType: fc.constantFrom("image/png", "text/plain"),
  content: fc.uint8Array({ maxLength: 40 }),
});

test("I4: whatever a run holds comes back from its span, by way of OTLP", () => {
  fc.assert(
    fc.property(arbitraryRun, fc.array(attachment, { maxLength: 2 }), (run, attachments) => {
      const span = runToSpan({ run, attachments });
      const scope = { name: "langsmith", version: "", attributes: [], droppedAttributesCount: 0 };
      const data = {
        resourceSpans: [{ scopeSpans: [{ scope, spans: [span], schemaUrl: "" }], schemaUrl: "" }],
      };
      const back = decodeOtlp("traces", encodeOtlp("traces", data)).resourceSpans[0]?.scopeSpans[0]?.spans[0];
      const native = spanToNativeRun(back ?? { attributes: [] });
      expect(JSON.parse(writeRunJson(native?.run))).toEqual(run);
      expect(
        native?.attachments.map((item) => ({ ...item, content: Uint8Array.from(item.content) })),
      ).toEqual(attachments);
    }),
  );
});

test("a span that did not come as a run is none", () => {
  expect(
    spanToNativeRun({ attributes: [{ key: "gen_ai.prompt", value: { stringValue: "{}" } }] }),
  ).toBeUndefined();
});

test.each([
  ["2026-11-23T10:00:00.123456Z", 1_795_428_000_123_456_000n],
  ["2026-11-23T10:00:00.123456+00:00", 1_795_428_000_123_456_000n],
  ["2026-11-23T12:00:00.5+02:00", 1_795_428_000_500_000_000n],
  ["2026-11-23T10:00:00", 1_795_428_000_000_000_000n],
  ["2026-11-23", 1_795_392_000_000_000_000n],
  [1_795_428_000_123, 1_795_428_000_123_000_000n],
  ["yesterday", undefined],
  ["2026-13-40T00:00:00Z", undefined],
  [-5, undefined],
  [null, undefined],
])("the time %s is read as %s", (text, nanos) => {
  expect(runTimeNanos(text)).toBe(nanos);
});

test("a time that is written is read as the same microsecond", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 9_000_000_000_000_000n }), (micros) => {
      expect(runTimeNanos(nanosToRunTime(micros * 1_000n))).toBe(micros * 1_000n);
    }),
  );
});

test("usual times are read as the slow way reads them, right and wrong ones alike", () => {
  const digits = (max: number, count: number): fc.Arbitrary<string> =>
    fc.nat({ max }).map((value) => String(value).padStart(count, "0"));
  const parts = fc.tuple(
    digits(2400, 4),
    digits(13, 2),
    digits(32, 2),
    digits(24, 2),
    digits(60, 2),
    digits(60, 2),
    fc.oneof(digits(999, 3), digits(999_999, 6)),
    fc.constantFrom("Z", "+00:00", "+01:00", "x"),
  );
  fc.assert(
    fc.property(parts, ([year, month, day, hour, minute, second, fraction, zone]) => {
      const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction}${zone}`;
      // Spaces around a time are allowed, and unusual.
      expect(runTimeNanos(text)).toBe(runTimeNanos(` ${text}`));
      const micros = fraction.padEnd(6, "0");
      const stamp = `${year}${month}${day}T${hour}${minute}${second}${micros}Z`;
      const iso = ` ${year}-${month}-${day}T${hour}:${minute}:${second}.${micros}Z`;
      expect(dottedOrderNanos(`x.${stamp}y`)).toBe(runTimeNanos(iso));
    }),
    { numRuns: 2_000, examples: [[["2256", "01", "01", "00", "00", "00", "578413", "Z"]]] },
  );
});

test("I6: a run that is an OpenTelemetry span has that span's id, any other one that its id alone decides", () => {
  expect(runSpanId("00000000-0000-0000-0123-456789abcdef")).toBe("0123456789abcdef");
  const id = "0198c0de-1234-7abc-8def-0123456789ab";
  expect(runSpanId(id)).toMatch(/^[0-9a-f]{16}$/);
  expect(runSpanId(id.toUpperCase())).toBe(runSpanId(id));
  // RFC 9562's example of a version 5 UUID: www.example.com in the DNS namespace.
  expect(nameUuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com")).toBe(
    "2ed6657d-e927-568b-95e1-2665a8aea6a2",
  );
});
