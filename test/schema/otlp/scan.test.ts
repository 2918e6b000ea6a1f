import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countItems,
  decodeOtlp,
  encodeOtlp,
  scanRequest,
  SIGNALS,
  type LogsData,
  type Signal,
  type SignalData,
  type Span,
  type TracesData,
} from "../../../schema/index.js";
import { request } from "./arbitraries.js";
import {
  attribute,
  bytesField,
  fixed64Field,
  span,
  tracesRequest,
  uint64Bytes,
  varintField,
} from "./wire.js";

const ZERO = /^0+$/;

function isValidSpan({ traceId, spanId, parentSpanId }: Span): boolean {
  return (
    traceId.length === 32 &&
    spanId.length === 16 &&
    !ZERO.test(traceId) &&
    !ZERO.test(spanId) &&
    [0, 16].includes(parentSpanId.length)
  );
}

/** The oracle of cutting: the same decision made on decoded objects. */
function accepted<S extends Signal>(signal: S, data: SignalData[S]): SignalData[S] {
  const copy = structuredClone(data) as TracesData & LogsData;
  if (signal === "traces") {
    for (const { scopeSpans } of copy.resourceSpans) {
      for (const scope of scopeSpans) scope.spans = scope.spans.filter(isValidSpan);
    }
  } else if (signal === "logs") {
    for (const { scopeLogs } of copy.resourceLogs) {
      for (const scope of scopeLogs) {
        scope.logRecords = scope.logRecords.filter(
          ({ traceId, spanId }) => [0, 32].includes(traceId.length) && [0, 16].includes(spanId.length),
        );
      }
    }
  }
  return copy as unknown as SignalData[S];
}

describe.each(SIGNALS)("%s", (signal) => {
  test("what scanning accepts decodes to exactly the items with valid ids, and it counts them", () => {
    let cut = 0;
    fc.assert(
      fc.property(request(signal), (data) => {
        const bytes = encodeOtlp(signal, data);
        const good = accepted(signal, data);
        const total = countItems(signal, data);
        const left = countItems(signal, good);
        if (signal === "traces" && total > 0 && left === 0) {
          expect(() => scanRequest(signal, bytes)).toThrow(/valid trace id/);
          return;
        }
        const result = scanRequest(signal, bytes);
        expect(result).toMatchObject({ itemCount: left, rejected: total - left });
        expect(decodeOtlp(signal, result.body)).toEqual(good);
        expect(result.body === bytes).toBe(total === left);
        expect(result.reason === "").toBe(total === left);
        if (result.rejected > 0) cut++;
      }),
      { numRuns: 250, interruptAfterTimeLimit: 20_000 },
    );
    expect(cut > 0).toBe(signal !== "metrics");
  });
});

const GOOD = span(bytesField(5, "good"));
const badIds = (...fields: readonly Uint8Array[]): Uint8Array => bytesField(2, ...fields);
const TRACE_ID = bytesField(
  1,
  Uint8Array.from({ length: 16 }, () => 7),
);
const SPAN_ID = bytesField(
  2,
  Uint8Array.from({ length: 8 }, () => 7),
);

describe("span ids (catalogue 25)", () => {
  test.each([
    ["no trace id", badIds(SPAN_ID), "trace id missing"],
    ["no span id", badIds(TRACE_ID), "span id missing"],
    [
      "a trace id of 15 bytes",
      badIds(bytesField(1, new Uint8Array(15).fill(1)), SPAN_ID),
      "trace id of 15 bytes",
    ],
    [
      "a span id of 16 bytes",
      badIds(TRACE_ID, bytesField(2, new Uint8Array(16).fill(1))),
      "span id of 16 bytes",
    ],
    ["a zero trace id", badIds(bytesField(1, new Uint8Array(16)), SPAN_ID), "trace id all zero"],
    ["a zero span id", badIds(TRACE_ID, bytesField(2, new Uint8Array(8))), "span id all zero"],
    [
      "a parent id of 4 bytes",
      badIds(TRACE_ID, SPAN_ID, bytesField(4, new Uint8Array(4))),
      "parent span id of 4",
    ],
    ["a bad id sent after a good one", badIds(TRACE_ID, SPAN_ID, bytesField(1, "x")), "trace id of 1 bytes"],
  ])("a span with %s is cut out, with the reason", (_, bad, reason) => {
    const result = scanRequest("traces", tracesRequest(GOOD, bad, GOOD));
    expect(result).toMatchObject({ itemCount: 2, rejected: 1 });
    expect(result.reason).toContain(reason);
    expect(result.body).toEqual(tracesRequest(GOOD, GOOD));
  });

  test("an empty parent id and links of any id are accepted", () => {
    const links = [bytesField(13, bytesField(1, "short")), bytesField(13), bytesField(4)];
    const bytes = tracesRequest(span(...links));
    expect(scanRequest("traces", bytes)).toEqual({ itemCount: 1, rejected: 0, reason: "", body: bytes });
  });

  test("cutting leaves every other byte, unknown fields and odd encodings included", () => {
    const odd = Uint8Array.from([0xaa, 0x86, 0x00, 0x01, 0x61]);
    const around = (spans: readonly Uint8Array[]): Uint8Array =>
      Buffer.concat([
        bytesField(77, "unknown at the top"),
        bytesField(1, bytesField(1, attribute("r", bytesField(1, "v"))), odd, bytesField(2, ...spans, odd)),
        tracesRequest(GOOD),
        varintField(99, 5),
      ]);
    const bad = badIds(SPAN_ID, bytesField(5, "x".repeat(300)));
    const result = scanRequest("traces", around([odd, GOOD, bad, varintField(44, 1), GOOD]));
    expect(result).toMatchObject({ itemCount: 3, rejected: 1 });
    expect(Buffer.from(result.body)).toEqual(around([odd, GOOD, varintField(44, 1), GOOD]));
  });

  test("a request whose every span lacks valid ids is refused, naming the scopes", () => {
    const scope = (name: string, ...spans: Uint8Array[]): Uint8Array =>
      bytesField(1, bytesField(2, bytesField(1, bytesField(1, name)), ...spans));
    const body = Buffer.concat([
      scope("openai.logs", badIds(SPAN_ID)),
      scope("other", badIds(TRACE_ID)),
      scope("idle"),
    ]);
    expect(() => scanRequest("traces", body)).toThrow(
      expect.objectContaining({
        code: "CF_OTLP_MALFORMED",
        message: expect.stringMatching(
          /none of the 2 span.*"openai\.logs", "other" .*logs sent to the traces path/,
        ),
      }),
    );
  });

  test("logs sent to the traces path are refused with a hint", () => {
    const record = (...fields: Uint8Array[]): Uint8Array =>
      bytesField(
        2,
        fixed64Field(1, uint64Bytes(5n)),
        varintField(2, 9),
        bytesField(5, bytesField(1, "hello")),
        ...fields,
      );
    const withIds = record(
      bytesField(9, new Uint8Array(16).fill(0xfe)),
      bytesField(10, new Uint8Array(8).fill(1)),
    );
    for (const body of [tracesRequest(record()), tracesRequest(withIds)]) {
      expect(scanRequest("logs", body)).toMatchObject({ itemCount: 1, rejected: 0 });
      expect(() => scanRequest("traces", body)).toThrow(/sent to the traces path/);
    }
  });
});

test("log records need empty ids or ids of the right size; a request may lose them all", () => {
  const record = (...fields: Uint8Array[]): Uint8Array => bytesField(2, ...fields);
  const good = [
    record(),
    record(bytesField(9), bytesField(10)),
    record(bytesField(9, new Uint8Array(16)), bytesField(10, new Uint8Array(8))),
  ];
  const bad = [record(bytesField(9, "x")), record(bytesField(10, new Uint8Array(16)))];
  const result = scanRequest("logs", tracesRequest(...good, ...bad));
  expect(result).toMatchObject({ itemCount: 3, rejected: 2, body: tracesRequest(...good) });
  expect(scanRequest("logs", tracesRequest(...bad))).toMatchObject({ itemCount: 0, rejected: 2 });
});

test("a request of nothing is accepted with no items (catalogue 6)", () => {
  for (const signal of SIGNALS) {
    for (const body of [new Uint8Array(0), bytesField(1), bytesField(1, bytesField(2))]) {
      expect(scanRequest(signal, body)).toEqual({ itemCount: 0, rejected: 0, reason: "", body });
    }
  }
});

test("a body that is a view into a larger buffer is read within its own bounds", () => {
  const inner = tracesRequest(GOOD, badIds(SPAN_ID));
  const outer = new Uint8Array(inner.length + 20).fill(0xff);
  outer.set(inner, 10);
  const view = outer.subarray(10, 10 + inner.length);
  expect(scanRequest("traces", view)).toMatchObject({ itemCount: 1, rejected: 1, body: tracesRequest(GOOD) });
  expect(decodeOtlp("traces", view).resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(2);
});
